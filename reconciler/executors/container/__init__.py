"""Effects on containers: sandboxes, containers, images, probes, logs."""

from reconciler.executors.container.executor import ContainerExecutor

__all__ = ["ContainerExecutor"]
