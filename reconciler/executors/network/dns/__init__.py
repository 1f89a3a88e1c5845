"""The DNS server of a node: a process of its own that outlives the daemon. Standard library and dnslib only."""
