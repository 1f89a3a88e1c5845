"""The agent's loop on a simulated host."""
