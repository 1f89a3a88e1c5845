"""Tests of what daemon and agent share."""
