"""Whole executions of the real state machine with the real functions, on a local cloud with real PostgreSQL servers."""
