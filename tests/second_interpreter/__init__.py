"""The encrypting state machine in two interpreters that know nothing of each other: LocalStack's, as moto carries it and
the local cloud mends it, and ministack's. What both do is likely what Amazon's does; where they differ, one is wrong."""
