"""AWS's rules for state machines that no library here checks: what CreateStateMachine refuses, before it is asked."""
