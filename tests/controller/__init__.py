"""The daemon's loop on a real store."""
