"""Follows an execution in the terminal: phase, lag, verification, what it is waiting for, and how it ends.

It reads only the execution's history: permission to read that is enough, and watching disturbs nothing.
"""
