"""A lab: several hosts on one machine, each with its own namespaces, Docker Engine and agent, and a network of theirs.

Effects only, by the commands of the host. What the module of a throw-away host shares (`cgroups`, `mounts`) needs
nothing but the standard library, because that host is there before any virtual environment.
"""
