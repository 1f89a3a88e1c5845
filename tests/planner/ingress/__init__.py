"""Tests of what is decided about Ingresses."""
