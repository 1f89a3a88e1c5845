"""What a manifest names and no file declares is a warning at its place: it would be accepted, and do nothing."""

import pytest

from reconciler.model.problem import Severity
from reconciler.schema.validate import SourceFile, validate

INGRESS = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: CLASS
  tls: [{hosts: [example.org], secretName: certificate}]
  defaultBackend: {service: {name: fallback, port: {number: 80}}}
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""
CLASS = """---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: reconciler.dev/ingress}
"""
AUTOSCALER = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
  - type: External
    external: {metric: {name: queue}, target: {type: Value, value: "3"}}
"""
POD = """apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {priorityClassName: CLASS, containers: [{name: a, image: b}]}
"""


def told(text: str) -> list[tuple[str, str]]:
    """Return where warnings are, and what kind they are of."""
    problems = validate([SourceFile("a.yaml", text.encode())]).problems
    assert {one.severity for one in problems} <= {Severity.WARNING}
    return [(one.pointer, one.code) for one in problems]


def test_an_ingress_names_its_class_services_and_certificates() -> None:
    """Without the class nobody serves it; without the others there is no answer, or not the right certificate."""
    assert told(INGRESS.replace("CLASS", "nginx")) == [
        ("/spec/ingressClassName", "missing-reference"),
        ("/spec/tls/0/secretName", "missing-reference"),
        ("/spec/defaultBackend/service/name", "missing-reference"),
        ("/spec/rules/0/http/paths/0/backend/service/name", "missing-reference"),
    ]


@pytest.mark.parametrize("text", [INGRESS.replace("CLASS", "nginx") + CLASS, INGRESS.replace("CLASS", "haproxy")])
def test_a_class_that_is_there_is_not_missed(text: str) -> None:
    """Declared, or built in."""
    assert "/spec/ingressClassName" not in dict(told(text))


def test_a_class_may_be_named_by_the_older_annotation() -> None:
    """Its warning stands there."""
    text = INGRESS.replace(
        "metadata: {name: web}", "metadata: {name: web, annotations: {kubernetes.io/ingress.class: x}}"
    )
    found = told(text.replace("  ingressClassName: CLASS\n", ""))
    assert ("/metadata/annotations/kubernetes.io~1ingress.class", "missing-reference") in found


def test_an_autoscaler_names_what_it_scales_and_what_nothing_measures() -> None:
    """Metrics of adapters are accepted, as in a cluster without one, and told of."""
    assert told(AUTOSCALER) == [
        ("/spec/scaleTargetRef/name", "missing-reference"),
        ("/spec/metrics/1/external", "not-measured"),
    ]


@pytest.mark.parametrize(("name", "is_missed"), [("high", True), ("system-node-critical", False)])
def test_a_pod_names_its_priority(name: str, is_missed: bool) -> None:
    """The classes of the system are always there."""
    assert (told(POD.replace("CLASS", name)) != []) is is_missed


BUDGET = """apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  LIMIT
  selector: {matchLabels: {app: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: "b:1"}]}
"""
FOR_WEB = AUTOSCALER[: AUTOSCALER.index("  metrics:")]


@pytest.mark.parametrize(
    ("limit", "warned"),
    [
        ("minAvailable: 9", True),
        ("minAvailable: 4", True),
        ("minAvailable: 3", False),
        ("minAvailable: 100%", True),
        ("minAvailable: 76%", True),
        ("minAvailable: 75%", False),
        ("maxUnavailable: 0", True),
        ("maxUnavailable: 0%", True),
        ("maxUnavailable: 1%", False),
    ],
)
def test_a_budget_that_keeps_every_pod_is_told(limit: str, warned: bool) -> None:
    """Draining a node would wait for ever, as in Kubernetes; percentages round up."""
    at = f"/spec/{limit.partition(':')[0]}"
    assert told(BUDGET.replace("LIMIT", limit)) == ([(at, "impossible-budget")] if warned else [])


def test_a_budget_of_an_autoscaled_workload_is_not_judged() -> None:
    """How many Pods there are to be is then no matter of the manifests."""
    assert told(BUDGET.replace("LIMIT", "minAvailable: 4") + "---\n" + FOR_WEB) == []
