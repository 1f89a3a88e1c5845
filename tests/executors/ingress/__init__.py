"""Tests of HAProxy as this host runs it."""
