"""The same loops in virtual time: a simulated host and what drives it."""
