"""Effects on volumes: what a Pod's containers see of files, and where claims keep data."""

from reconciler.executors.volume.executor import VolumeExecutor

__all__ = ["VolumeExecutor"]
