"""Credentials: the cluster's certificate authority, what it issues, and kubeconfig files. Effect: key files."""
