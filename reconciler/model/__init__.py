"""Frozen values that every stage speaks in. Imports nothing but the standard library and msgspec."""
