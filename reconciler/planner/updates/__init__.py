"""What may become of an object that exists, as Kubernetes' validation of updates says it. Pure."""
