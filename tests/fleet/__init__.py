"""Many databases: campaigns and findings on the local cloud, with real servers, functions and state machines."""
