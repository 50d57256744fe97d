"""Asks before anything is made whether a deployed stack can do its work, and what stands in the way of moving a database."""
