"""A rollout before it happens: the cluster as it stands goes on in virtual time, until nothing changes. Pure."""

from reconciler.simulation.forecast.run import Limits, forecast

__all__ = ["Limits", "forecast"]
