"""Decides: (desired, observed, policy, now) → Plan, for the cluster and for each node. Pure."""
