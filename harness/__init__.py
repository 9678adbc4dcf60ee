"""Verify that a Docker Swarm balances and heals."""
