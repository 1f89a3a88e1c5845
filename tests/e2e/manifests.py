"""Manifests that the end-to-end tests push."""

from tests.e2e.host import IMAGE

SLEEPER = 'trap "exit 0" TERM; while true; do sleep 1 & wait $!; done'


def web(version: str = "1", replicas: int = 2, name: str = "web") -> str:
    """A Deployment that serves its version over HTTP, with a Service."""
    script = (
        f"mkdir -p /www && echo version-{version} > /www/index.html && trap 'exit 0' TERM; "
        "httpd -f -p 8080 -h /www & wait $!"
    )
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: web
        image: {IMAGE}
        imagePullPolicy: Never
        command: [/bin/sh, -c, "{script}"]
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: http}}, periodSeconds: 1}}
        lifecycle: {{preStop: {{sleep: {{seconds: 1}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  ports: [{{port: 80, targetPort: http}}]
"""


def sleeper(name: str, extra: str = "", command: str = SLEEPER) -> str:
    """A Deployment of one Pod that does nothing until it is told to end."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: app
        image: {IMAGE}
        imagePullPolicy: Never
        command: [/bin/sh, -c, '{command}']
{extra}
"""


def config_map(name: str, value: str = "1") -> str:
    """A ConfigMap of one key."""
    return f'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: "{value}"}}\n'
