"""The encrypting state machine in two interpreters that know nothing of each other: LocalStack's, as moto carries it and
the local cloud mends it, and ministack's. What both do is likely what Amazon's does; where they differ, one is wrong. Both
have their expressions from one library, so each expression that was evaluated is evaluated again in Rust and in JavaScript.

The fleet's state machine runs in the local cloud alone (tests/fleet); its rules are checked by local-cloud/aws_rules. Why nowhere else:

| engine | a distributed Map |
|---|---|
| ministack 1.5.33 (PyPI) | takes wrong items from `Items`, and lets them see variables from outside |
| fakecloud-stepfunctions 0.51.0 (crate) | has no JSONata |
| aws-local-stepfunctions 3.0.0 (npm) | takes JSONata without a word, and ignores Assign, Output and Condition |
"""
