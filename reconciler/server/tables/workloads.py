"""Workloads in tables: ReplicaSet, Deployment, StatefulSet, DaemonSet, ReplicationController and revisions. Pure."""

from reconciler.model.kinds import (
    ControllerRevision,
    DaemonSet,
    Deployment,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)
from reconciler.server.tables.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    SELECTOR,
    Cells,
    Form,
    age,
    labels_text,
    selector_text,
    template_cells,
    text,
    whole,
)


def _deployment(one: Deployment) -> Cells:
    status = one.status
    return (
        one.metadata.name,
        f"{status.ready_replicas}/{one.spec.replicas}",
        status.updated_replicas,
        status.available_replicas,
        age(one.metadata),
        *template_cells(one.spec.template),
        selector_text(one.spec.selector),
    )


def _replica_set(one: ReplicaSet) -> Cells:
    return (
        one.metadata.name,
        one.spec.replicas,
        one.status.replicas,
        one.status.ready_replicas,
        age(one.metadata),
        *template_cells(one.spec.template),
        selector_text(one.spec.selector),
    )


def _replication_controller(one: ReplicationController) -> Cells:
    return (
        one.metadata.name,
        one.spec.replicas,
        one.status.replicas,
        one.status.ready_replicas,
        age(one.metadata),
        *template_cells(one.spec.template),
        labels_text(one.spec.selector),
    )


def _stateful_set(one: StatefulSet) -> Cells:
    ready = f"{one.status.ready_replicas}/{one.spec.replicas}"
    return (one.metadata.name, ready, age(one.metadata), *template_cells(one.spec.template))


def _daemon_set(one: DaemonSet) -> Cells:
    status = one.status
    return (
        one.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        labels_text(one.spec.template.spec.node_selector),
        age(one.metadata),
        *template_cells(one.spec.template),
        selector_text(one.spec.selector),
    )


def _revision(one: ControllerRevision) -> Cells:
    owners = [owner for owner in one.metadata.owner_references if owner.controller]
    names = [f"{owner.kind.lower()}.{owner.api_version.rpartition('/')[0]}/{owner.name}" for owner in owners]
    return one.metadata.name, names[0] if names else NONE, one.revision, age(one.metadata)


_COPIES = (
    NAME,
    whole("Desired", "How many Pods there should be."),
    whole("Current", "How many Pods there are."),
    whole("Ready", "How many Pods are ready."),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
)

DEPLOYMENT = Form(
    (
        NAME,
        text("Ready", "How many Pods are ready, of those wanted."),
        text("Up-to-date", "How many Pods are of the newest template."),
        text("Available", "How many Pods have been ready for long enough."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _deployment,
)
REPLICA_SET = Form(_COPIES, _replica_set)
REPLICATION_CONTROLLER = Form(_COPIES, _replication_controller)
STATEFUL_SET = Form(
    (NAME, text("Ready", "How many Pods are ready, of those wanted."), AGE, CONTAINERS, IMAGES), _stateful_set
)
DAEMON_SET = Form(
    (
        NAME,
        whole("Desired", "On how many nodes the Pod should run."),
        whole("Current", "On how many of those nodes it is."),
        whole("Ready", "On how many it is ready."),
        whole("Up-to-date", "On how many it is of the newest template."),
        whole("Available", "On how many it has been ready for long enough."),
        text("Node Selector", "On which nodes it should run, by label."),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    _daemon_set,
)
CONTROLLER_REVISION = Form(
    (
        NAME,
        text("Controller", "Whose revision it is."),
        text("Revision", "The revision's number."),
        AGE,
    ),
    _revision,
)
