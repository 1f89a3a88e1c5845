"""Whoever provides machines and load balancers, from outside of this program."""
