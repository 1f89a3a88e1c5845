"""Kubernetes manifests, driven by `git push`, on plain Docker hosts."""

__version__ = "0.1.0"
