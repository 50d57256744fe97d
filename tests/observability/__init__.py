"""What is seen of runs: phases and ends that are told, metrics, alarms."""
