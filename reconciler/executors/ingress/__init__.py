"""Ingresses on this host: HAProxy as a process of its own, its files, its certificates, its servers. Effect."""
