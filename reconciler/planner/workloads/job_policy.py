"""What a failed Pod means for its Job, and which indexes are enough. Pure."""

from collections.abc import Iterable

from reconciler.model.base import Value
from reconciler.model.indexes import from_ranges
from reconciler.model.kinds import (
    ContainerStatus,
    JobSpec,
    Pod,
    PodFailurePolicyOnExitCodes,
    PodFailurePolicyRule,
    SuccessPolicyRule,
)
from reconciler.planner.health import condition


class Judgement(Value):
    """The action of the first rule that fits a failed Pod (empty when none does), and why it fits."""

    action: str = ""
    message: str = ""

    @property
    def counts(self) -> bool:
        """Whether the failure counts against the back-off limits."""
        return self.action != "Ignore"


def judge_failure(spec: JobSpec, pod: Pod) -> Judgement:
    """Return what the Job's failure policy says of a failed Pod."""
    policy = spec.pod_failure_policy
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        if why := _why_it_fits(rule, pod):
            return Judgement(action=rule.action, message=f"pod {pod.metadata.name}: {why} fits rule {number}")
    return Judgement()


def _why_it_fits(rule: PodFailurePolicyRule, pod: Pod) -> str:
    if rule.on_exit_codes is not None:
        for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
            if _exited_so(rule.on_exit_codes, status):
                assert status.state.terminated is not None
                return f"exit status {status.state.terminated.exit_code} of container {status.name}"
        return ""
    for one in rule.on_pod_conditions:
        found = condition(pod.status.conditions, one.type)
        if found is not None and found.status == one.status:
            return f"condition {one.type}={one.status}"
    return ""


def _exited_so(wanted: PodFailurePolicyOnExitCodes, status: ContainerStatus) -> bool:
    ended = status.state.terminated
    if ended is None or ended.exit_code == 0 or wanted.container_name not in (None, status.name):
        return False
    return (ended.exit_code in wanted.values) == (wanted.operator == "In")


def why_enough(spec: JobSpec, succeeded: frozenset[int]) -> str:
    """Return which rule of the success policy holds, or an empty text."""
    policy = spec.success_policy
    rules: Iterable[SuccessPolicyRule] = policy.rules if policy is not None and succeeded else ()
    for number, rule in enumerate(rules):
        if _is_enough(rule, succeeded):
            return f"rule {number} of the success policy holds"
    return ""


def _is_enough(rule: SuccessPolicyRule, succeeded: frozenset[int]) -> bool:
    if rule.succeeded_indexes is None:
        return rule.succeeded_count is not None and len(succeeded) >= rule.succeeded_count
    wanted = from_ranges(rule.succeeded_indexes)
    needed = len(wanted) if rule.succeeded_count is None else rule.succeeded_count
    return bool(wanted) and len(wanted & succeeded) >= needed
