"""The API: Kubernetes-shaped reads and watches, own resources, push hooks. Serves what it is given, decides nothing."""
