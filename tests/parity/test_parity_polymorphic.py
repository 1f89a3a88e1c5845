"""What kubectl's client does for any kind of workload, where our command line does the same."""

from typing import Any

import click

from reconciler.cli.log_sources import sources_of
from reconciler.cli.pods import selector_text
from reconciler.cli.progress import Progress, progress_of
from reconciler.model.kinds import KINDS, PodTemplateSpec
from reconciler.planner.workloads.revisions import revision_data
from reconciler.schema.decode import pod_spec_of
from reconciler.server.merge_keys import shape_of
from reconciler.server.strategic import merge
from tests.parity.loosely import loosely
from tests.parity.rows import compare

# The sets of upstream's table have three replicas.
_REPLICAS = 3


def _progress(kind: str, case: dict[str, Any], spec: dict[str, Any]) -> Progress:
    metadata = {"name": "foo", "generation": case.get("generation", 0)}
    return progress_of(kind, {"metadata": metadata, "spec": spec, "status": case["status"]})


def _tells(progress: Progress, case: dict[str, Any]) -> bool:
    """Judge a sentence, and that a rollout is over only where the row has it; a failure is an error without one."""
    if case.get("err"):
        return progress.has_failed
    told = f"{progress.text}\n" == case["msg"] and not progress.has_failed
    return told and (not progress.is_done or case.get("done", False))


def _deployment_status(case: dict[str, Any]) -> bool:
    return _tells(_progress("Deployment", case, {"replicas": case["specReplicas"]}), case)


def _daemon_set_status(case: dict[str, Any]) -> bool:
    return _tells(_progress("DaemonSet", case, {}), case)


def _stateful_set_status(case: dict[str, Any]) -> bool:
    return _tells(_progress("StatefulSet", case, {"replicas": _REPLICAS, "updateStrategy": case["strategy"]}), case)


def _logs(case: dict[str, Any]) -> bool:
    """Judge a row with a Pod, a list of them, or a workload whose Pods are asked for by its selector."""
    found, pods = case["obj"], case.get("clientsetPods")
    if pods is not None:
        asked = case["actions"][0]["ListOptions"]["labelSelector"]
        if selector_text(found["spec"]["selector"]) != asked:
            return False
    else:
        pods = found.get("items", [found])
    try:
        sources = sources_of(pods, case.get("opts", {}).get("container", ""), every=case.get("allContainers", False))
    except click.UsageError as error:
        return error.message == case.get("expectedErr")
    wanted = [(one["namespace"], one["name"], one["fieldPath"]) for one in case["expectedSources"]]
    return [(one.namespace, one.pod, one.container) for one in sources] == [
        (namespace, name, path.partition("{")[2].rstrip("}")) for namespace, name, path in wanted
    ]


def _applies_revision(kind: str, case: dict[str, Any]) -> bool:
    """Judge a set that goes back to the template of another: what its revision holds is sent as a patch."""
    wanted = loosely(PodTemplateSpec, case["expected"]["spec"]["template"])
    merged = merge(case["source"], revision_data(wanted), shape_of(kind))
    return bool(loosely(PodTemplateSpec, merged["spec"]["template"]) == wanted)


def _has_pod_spec(case: dict[str, Any]) -> bool:
    kind, spec = kind_of(case["object"]), case["object"]["spec"]
    found = pod_spec_of(loosely(KINDS[kind].type, {"spec": spec}))
    return (found is not None) == case.get("expect", False)


def kind_of(given: dict[str, Any]) -> str:
    """Return the kind of an object that does not say it, by the fields that only this kind has."""
    spec, status = given["spec"], given["status"]
    marks = {
        "CronJob": "schedule" in spec,
        "StatefulSet": "serviceName" in spec,
        "DaemonSet": "updateStrategy" in spec,
        "Deployment": "strategy" in spec,
        "Pod": "containers" in spec,
        "Node": "nodeInfo" in status,
        "Service": "loadBalancer" in status,
        "ReplicationController": "template" not in spec,
        "ReplicaSet": "replicas" in status,
    }
    return next((kind for kind, is_meant in marks.items() if is_meant), "Job")


def test_what_kubectl_does_for_any_kind_agrees_with_upstream() -> None:
    """Every row about the progress of a rollout, whose logs are meant, earlier templates and the Pods inside agrees."""
    compare(
        "kubectl_pkg_polymorphichelpers",
        {
            "TestDeploymentStatusViewerStatus": _deployment_status,
            "TestDaemonSetStatusViewerStatus": _daemon_set_status,
            "TestStatefulSetStatusViewerStatus": _stateful_set_status,
            "TestLogsForObject": _logs,
            "TestApplyDaemonSetHistory": lambda case: _applies_revision("DaemonSet", case),
            "TestStatefulSetApplyRevision": lambda case: _applies_revision("StatefulSet", case),
            "TestUpdatePodSpecForObject": _has_pod_spec,
        },
    )
