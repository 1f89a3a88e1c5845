"""Rules on StatefulSets, DaemonSets and ReplicationControllers."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.kinds import DaemonSet, LabelSelector, ReplicationController, StatefulSet
from reconciler.schema.rules.finding import Finding, error, repeated
from reconciler.schema.rules.storage import claim_findings
from reconciler.schema.rules.workloads import is_zero, number_findings, replicated_findings

# The Pods carry the name of their revision as a label: the set's name, `-` and ten letters, at most 63 in all.
_SET_NAME_MAX = 52


def stateful_set_findings(stateful_set: StatefulSet, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a StatefulSet."""
    spec = stateful_set.spec
    yield from replicated_findings(spec.selector, spec.template)
    yield from number_findings(spec.replicas)
    if len(stateful_set.metadata.name) > _SET_NAME_MAX:
        message = f"name: longer than {_SET_NAME_MAX} characters: the labels and host names of its Pods would not fit"
        yield error("/metadata/name", message, code="bad-name")
    yield from _strategy_findings(document, "rollingUpdate is only for type RollingUpdate")
    unavailable = spec.update_strategy.rolling_update.max_unavailable
    yield from _share_findings("maxUnavailable", unavailable)
    if is_zero(unavailable):
        message = "maxUnavailable is 0: no Pod could ever be replaced"
        yield error("/spec/updateStrategy/rollingUpdate/maxUnavailable", message)
    yield from _template_findings(stateful_set)


def daemon_set_findings(daemon_set: DaemonSet, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a DaemonSet."""
    yield from replicated_findings(daemon_set.spec.selector, daemon_set.spec.template)
    yield from _strategy_findings(document, "")
    limits = daemon_set.spec.update_strategy.rolling_update
    yield from _share_findings("maxUnavailable", limits.max_unavailable)
    yield from _share_findings("maxSurge", limits.max_surge)
    both_zero = is_zero(limits.max_unavailable) and is_zero(limits.max_surge)
    if both_zero:
        message = "maxUnavailable and maxSurge are both 0: no Pod could ever be replaced"
        yield error("/spec/updateStrategy/rollingUpdate", message)
    elif not is_zero(limits.max_unavailable) and not is_zero(limits.max_surge):
        hint = "with maxSurge write maxUnavailable: 0"
        yield error("/spec/updateStrategy/rollingUpdate", "maxSurge and maxUnavailable exclude each other", hint)


def replication_controller_findings(controller: ReplicationController) -> Iterator[Finding]:
    """Yield what is wrong with a ReplicationController."""
    yield from replicated_findings(LabelSelector(match_labels=controller.spec.selector), controller.spec.template)
    yield from number_findings(controller.spec.replicas)


def _strategy_findings(document: Mapping[str, Any], refusal: str) -> Iterator[Finding]:
    strategy = document["spec"].get("updateStrategy", {})
    if refusal and strategy.get("type") == "OnDelete" and "rollingUpdate" in strategy:
        hint = "remove rollingUpdate, or write type: RollingUpdate"
        yield error("/spec/updateStrategy/rollingUpdate", refusal, hint)


def _share_findings(field: str, limit: int | str) -> Iterator[Finding]:
    if isinstance(limit, str) and int(limit.rstrip("%")) > 100:
        yield error(f"/spec/updateStrategy/rollingUpdate/{field}", f"{field}: must be at most 100%")


def _template_findings(stateful_set: StatefulSet) -> Iterator[Finding]:
    templates = stateful_set.spec.volume_claim_templates
    places = [f"/spec/volumeClaimTemplates/{number}" for number in range(len(templates))]
    for place, template in zip(places, templates, strict=True):
        if not template.metadata.name:
            yield error(f"{place}/metadata", "name is missing", code="missing-field")
        for finding in claim_findings(template.spec):
            fault = finding.fault
            yield finding._replace(fault=fault._replace(pointer=f"{place}{fault.pointer}"))
    names = ((f"{place}/metadata/name", one.metadata.name) for place, one in zip(places, templates, strict=True))
    yield from repeated(names, "claim template")
