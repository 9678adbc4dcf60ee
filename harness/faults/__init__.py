"""Breaking a swarm on purpose, with proof that it broke and an undo that is registered before it acts."""
