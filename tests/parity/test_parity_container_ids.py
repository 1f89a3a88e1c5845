"""What names containers and finds them by id is as upstream's kubelet has it."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from reconciler.executors.container import labels
from reconciler.executors.container.owned import Owned
from reconciler.executors.engine import Engine
from reconciler.model.container_id import DOCKER, ContainerID, read_id
from reconciler.model.host_process import has_host_process, is_all_host_process
from reconciler.model.kinds import PodSpec
from reconciler.model.pod_name import pod_full_name, read_full_name
from tests.parity.loosely import loosely
from tests.parity.rows import NotTranslated, compare, parity_rows
from tests.planner.node.host import IMAGE

PACKAGE = "pkg_kubelet_container"
Case = dict[str, Any]
_OWNER = labels.Owner(cluster="c", node="n")


def parsed(case: Case) -> bool:
    """Judge a row about the id of a container in a Pod's status, as JSON has it."""
    found = read_id(case["input"].strip('"'))
    return (found and {"ID": found.id, "Type": found.runtime}) == case.get("expected")


def written(case: Case) -> bool:
    """Judge a row about how an id is shown."""
    given = case.get("cid", {})
    return str(ContainerID(given.get("Type", ""), given.get("ID", ""))) == case["expected"]


def built(case: Case) -> bool:
    """Judge a row about the full name of a Pod."""
    return pod_full_name(case.get("podName", ""), case.get("namespace", "")) == case["expected"]


def read(case: Case) -> bool:
    """Judge a row about what a full name says."""
    found = read_full_name(case.get("podFullName", ""))
    wanted = (case.get("expectedName", ""), case.get("expectedNamespace", ""))
    return found is None if case.get("expectError") else found == wanted


def _spec(case: Case) -> PodSpec:
    given = case["podSpec"]
    parts = {part: [{**one, "image": IMAGE} for one in given.get(part) or ()] for part in ("containers",)}
    parts["initContainers"] = [{**one, "image": IMAGE} for one in given.get("initContainers") or ()]
    return cast(PodSpec, loosely(PodSpec, {**given, **parts}))


def any_of_host(case: Case) -> bool:
    """Judge a row about whether a Pod has a container of the host itself."""
    return has_host_process(_spec(case)) is case.get("expectedResult", False)


def all_of_host(case: Case) -> bool:
    """Judge a row about whether all containers of a Pod are of the host itself."""
    return is_all_host_process(_spec(case)) is case.get("expectedResult", False)


class _Told:
    """An Engine that tells of the containers of some rows."""

    def __init__(self, containers: Iterable[Case]) -> None:
        config = {"Labels": {labels.CLUSTER: _OWNER.cluster}}
        ids = {one["ID"]["ID"]: one["Name"] for one in containers}
        self._found = {
            id: {"Id": id, "Name": name, "Config": config, "HostConfig": {"IpcMode": "container:sandbox"}}
            for id, name in ids.items()
        }

    def inspect_container(self, container: str) -> Mapping[str, Any] | None:
        """Tell of one."""
        return self._found.get(container)


def _found(test: str, field: str, asked: Case) -> Case:
    """Return what is found by an id among what the rows of a table find, for what is not of our Engine nothing."""
    there = [row["case"][field] for row in parity_rows(PACKAGE) if row["test"] == test and field in row["case"]]
    if asked.get("Type", DOCKER) != DOCKER:
        raise NotTranslated
    owned = Owned(cast(Engine, _Told(there)), _OWNER)
    found = owned.find(asked.get("ID", ""))
    return {} if found is None else {"ID": {"ID": found["Id"], "Type": DOCKER}, "Name": found["Name"]}


def container_by_id(case: Case) -> bool:
    """Judge a row about finding a container by its id."""
    found = _found("TestPodFindContainerByID", "expectedContainer", case.get("containerID", {}))
    return found == case.get("expectedContainer", {})


def sandbox_by_id(case: Case) -> bool:
    """Judge a row about finding a sandbox by its id."""
    found = _found("TestPodFindSandboxByID", "expectedSandbox", case.get("sandboxID", {}))
    return found == case.get("expectedSandbox", {})


def test_containers_are_named_and_found_as_upstream_does() -> None:
    """Ids with the runtime before them; what is of the host itself on Windows."""
    tables = {
        "TestParseContainerID": parsed,
        "TestContainerIDString": written,
        "TestBuildPodFullName": built,
        "TestParsePodFullName": read,
        "TestHasWindowsHostProcessContainer": any_of_host,
        "TestAllContainersAreWindowsHostProcess": all_of_host,
        "TestPodFindContainerByID": container_by_id,
        "TestPodFindSandboxByID": sandbox_by_id,
    }
    compare(PACKAGE, tables)
