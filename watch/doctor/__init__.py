"""Checks whether a deployed stack works, and whether anything prevents moving a database, before a run makes anything."""
