"""A simulated cluster under random stories: pushes, faults and crashes between any two steps."""
