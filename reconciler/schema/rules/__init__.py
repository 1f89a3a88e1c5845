"""Rules that no schema can say: within one object, and across the objects of a revision. Pure.

What Kubernetes would admit is never an error here, at most a warning.
"""
