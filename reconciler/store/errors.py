"""Failures that only the store knows."""

from reconciler.model.errors import StaleError


class Gone(StaleError):
    """The kept change log no longer reaches back (or not yet up) to where a watch wants to resume: list again."""

    reason = "Expired"
