"""Alembic's migrations of the store; run by `reconciler.store.migrate`."""
