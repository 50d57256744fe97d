"""Follows an execution in the terminal: phase, lag, verification, what it waits for, and how it ends.

It reads the execution's history and nothing else, so whoever may read that may watch, and watching disturbs nothing.
"""
