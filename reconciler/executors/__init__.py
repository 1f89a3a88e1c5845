"""Effects on a host: the real World."""
