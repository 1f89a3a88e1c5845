"""What an object has to pass before it is created: limits of its namespace, then quotas. Pure."""
