"""Every function in a container, as `sam local invoke` runs it, against a local cloud."""
