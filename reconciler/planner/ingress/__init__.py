"""Ingresses: what the planner decides about them. Pure."""
