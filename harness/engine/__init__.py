"""The door to the engine's API: raw dictionaries, docker-py and HTTP errors stay behind it."""
