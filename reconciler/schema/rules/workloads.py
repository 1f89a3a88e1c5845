"""Rules on ReplicaSets and Deployments."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.kinds import Deployment, LabelSelector, PodTemplateSpec, ReplicaSet
from reconciler.model.labels import matches
from reconciler.schema.rules.finding import Finding, error
from reconciler.schema.rules.selectors import selector_findings

# Every Pod is planned, written and placed: a slip such as 30000000 must not fill a host's memory with those that wait.
_REPLICAS_MAX = 20_000


def replica_set_findings(replica_set: ReplicaSet) -> Iterator[Finding]:
    """Yield what is wrong with a ReplicaSet."""
    yield from replicated_findings(replica_set.spec.selector, replica_set.spec.template)
    yield from number_findings(replica_set.spec.replicas)


def deployment_findings(deployment: Deployment, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a Deployment."""
    spec = deployment.spec
    yield from replicated_findings(spec.selector, spec.template)
    yield from number_findings(spec.replicas)
    strategy = document["spec"].get("strategy", {})
    if spec.strategy.type == "Recreate" and "rollingUpdate" in strategy:
        hint = "remove rollingUpdate, or write type: RollingUpdate"
        yield error("/spec/strategy/rollingUpdate", "type Recreate has no rollingUpdate", hint)
    limits = spec.strategy.rolling_update
    if is_zero(limits.max_unavailable) and is_zero(limits.max_surge):
        message = "maxUnavailable and maxSurge are both 0: no Pod could ever be replaced"
        yield error("/spec/strategy/rollingUpdate", message)
    if isinstance(limits.max_unavailable, str) and int(limits.max_unavailable.rstrip("%")) > 100:
        yield error("/spec/strategy/rollingUpdate/maxUnavailable", "maxUnavailable: must be at most 100%")
    if spec.progress_deadline_seconds <= spec.min_ready_seconds:
        yield error("/spec/progressDeadlineSeconds", "progressDeadlineSeconds must be greater than minReadySeconds")


def replicated_findings(selector: LabelSelector, template: PodTemplateSpec) -> Iterator[Finding]:
    """Yield what is wrong with the selector and the Pods of what keeps copies running."""
    yield from template_findings(selector, template)
    if template.spec.restart_policy != "Always":
        yield error("/spec/template/spec/restartPolicy", "restartPolicy of replicated Pods must be Always")
    if template.spec.active_deadline_seconds is not None:
        yield error("/spec/template/spec/activeDeadlineSeconds", "replicated Pods have no activeDeadlineSeconds")


def number_findings(replicas: int) -> Iterator[Finding]:
    """Yield what is wrong with how many Pods are wanted."""
    if replicas > _REPLICAS_MAX:
        hint = "several workloads can share the labels that a Service selects"
        yield error("/spec/replicas", f"replicas: must be at most {_REPLICAS_MAX}", hint, "too-many")


def template_findings(selector: LabelSelector, template: PodTemplateSpec) -> Iterator[Finding]:
    """Yield what is wrong with a selector that is to find the Pods of a template."""
    yield from selector_findings("/spec/selector", selector)
    if not selector.match_labels and not selector.match_expressions:
        yield error("/spec/selector", "the selector is empty: it would choose every Pod", "add matchLabels")
    elif not matches(selector, template.metadata.labels):
        message = "the selector does not match the labels of the template"
        hint = "repeat the selector's labels in spec.template.metadata.labels"
        yield error("/spec/selector", message, hint, "selector-mismatch")


def is_zero(limit: int | str) -> bool:
    """Whether a number or percentage is nothing."""
    return limit == 0 or (isinstance(limit, str) and int(limit.rstrip("%")) == 0)
