"""Variables in commands and paths are put in as upstream's kubelet puts them in."""

from typing import Any

from reconciler.executors.container.environment import ContainerConfigError, expand
from reconciler.executors.container.render import sub_path
from reconciler.model.kinds import VolumeMount
from tests.parity.rows import compare


def _variables(case: dict[str, Any]) -> dict[str, str]:
    given = case.get("envs") or ()
    return {one.get("name") or one["Name"]: one.get("value") or one.get("Value", "") for one in given}


def command(case: dict[str, Any]) -> bool:
    """Judge a row with a command."""
    return [expand(word, _variables(case)) for word in case["command"]] == case["expected"]


def path(case: dict[str, Any]) -> bool:
    """Judge a row with a mount of a part of a volume."""
    (mount,) = case["container"]["volumeMounts"]
    ours = VolumeMount(name="v", mount_path="/v", sub_path_expr=mount.get("subPathExpr", ""))
    try:
        found = sub_path(ours, _variables(case))
    except ContainerConfigError:
        return not case.get("expectedOk")
    return bool(case.get("expectedOk")) and found == case.get("expectedSubPath", "")


def test_variables_are_put_in_as_upstream_puts_them_in() -> None:
    """Commands keep what is not known; paths need all of it."""
    tables = {"TestExpandContainerCommandOnlyStatic": command, "TestExpandVolumeMountsWithSubpath": path}
    compare("pkg_kubelet_container", tables)
