"""Rules on ReplicaSets, Deployments and Jobs."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.kinds import Deployment, Job, LabelSelector, PodTemplateSpec, ReplicaSet
from reconciler.model.labels import matches
from reconciler.schema.rules.finding import Finding, error
from reconciler.schema.rules.selectors import selector_findings

# Limits of the API on Jobs whose indexes are counted one by one.
_INDEXES_MAX = 100_000
_WITH_MANY_MAX = 10_000


def replica_set_findings(replica_set: ReplicaSet) -> Iterator[Finding]:
    """Yield what is wrong with a ReplicaSet."""
    yield from replicated_findings(replica_set.spec.selector, replica_set.spec.template)


def deployment_findings(deployment: Deployment, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a Deployment."""
    spec = deployment.spec
    yield from replicated_findings(spec.selector, spec.template)
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


def job_findings(job: Job) -> Iterator[Finding]:
    """Yield what is wrong with a Job."""
    spec = job.spec
    policy = spec.template.spec.restart_policy
    if policy not in ("Never", "OnFailure"):
        place = "/spec/template/spec"
        yield error(place, "restartPolicy of a Job's Pods must be Never or OnFailure", "add restartPolicy: Never")
    if spec.completion_mode == "Indexed" and spec.completions is None:
        yield error("/spec/completionMode", "completionMode Indexed needs completions")
    yield from _index_findings(job)
    yield from _failure_findings(job)


def _index_findings(job: Job) -> Iterator[Finding]:
    spec, limit = job.spec, job.spec.max_failed_indexes
    for field, value in (("backoffLimitPerIndex", spec.backoff_limit_per_index), ("maxFailedIndexes", limit)):
        if value is not None and spec.completion_mode != "Indexed":
            yield error(f"/spec/{field}", f"{field} needs completionMode Indexed")
    if limit is not None and spec.backoff_limit_per_index is None:
        yield error("/spec/maxFailedIndexes", "maxFailedIndexes needs backoffLimitPerIndex")
    completions = spec.completions or 0
    if limit is not None and limit > min(completions, _INDEXES_MAX):
        yield error("/spec/maxFailedIndexes", f"maxFailedIndexes must be at most completions and {_INDEXES_MAX}")
    if spec.backoff_limit_per_index is not None and completions > _INDEXES_MAX:
        for field, value in (("maxFailedIndexes", limit), ("parallelism", spec.parallelism)):
            if value is None or value > _WITH_MANY_MAX:
                message = f"{field} must be at most {_WITH_MANY_MAX} with more than {_INDEXES_MAX} completions"
                yield error("/spec", message)


def _failure_findings(job: Job) -> Iterator[Finding]:
    policy, spec = job.spec.pod_failure_policy, job.spec.template.spec
    if policy is None:
        return
    if spec.restart_policy != "Never":
        yield error("/spec/podFailurePolicy", "podFailurePolicy needs restartPolicy Never")
    names = frozenset(container.name for container in (*spec.init_containers, *spec.containers))
    for number, rule in enumerate(policy.rules):
        at = f"/spec/podFailurePolicy/rules/{number}"
        if rule.action == "FailIndex" and job.spec.backoff_limit_per_index is None:
            yield error(f"{at}/action", "action FailIndex needs backoffLimitPerIndex")
        codes = rule.on_exit_codes
        if codes is None:
            continue
        if codes.container_name is not None and codes.container_name not in names:
            yield error(f"{at}/onExitCodes/containerName", f"there is no container {codes.container_name}")
        if list(codes.values) != sorted(set(codes.values)):
            yield error(f"{at}/onExitCodes/values", "the exit statuses must be in rising order, each once")
        if codes.operator == "In" and 0 in codes.values:
            yield error(f"{at}/onExitCodes/values", "exit status 0 is no failure")


def replicated_findings(selector: LabelSelector, template: PodTemplateSpec) -> Iterator[Finding]:
    """Yield what is wrong with the selector and the Pods of what keeps copies running."""
    yield from _selects_template(selector, template)
    if template.spec.restart_policy != "Always":
        yield error("/spec/template/spec/restartPolicy", "restartPolicy of replicated Pods must be Always")
    if template.spec.active_deadline_seconds is not None:
        yield error("/spec/template/spec/activeDeadlineSeconds", "replicated Pods have no activeDeadlineSeconds")


def _selects_template(selector: LabelSelector, template: PodTemplateSpec) -> Iterator[Finding]:
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
