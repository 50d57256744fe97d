"""What AWS itself says of state machines, templates, policies and a deployment, before anything is deployed."""
