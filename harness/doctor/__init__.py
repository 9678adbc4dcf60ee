"""The preflight: can this swarm work, and what can be verified on it? Evidence in, one line per check out."""
