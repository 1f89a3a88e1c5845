"""Which objects a Pod reads, however it says so."""

import pytest

from reconciler.planner.references import claims_of, references_of
from tests.planner.reading import read

WAYS = {
    "envFrom: [{configMapRef: {name: n OPTIONAL}}]": ("ConfigMap", True),
    "envFrom: [{secretRef: {name: n OPTIONAL}}]": ("Secret", True),
    "env: [{name: A, valueFrom: {configMapKeyRef: {name: n, key: k OPTIONAL}}}]": ("ConfigMap", True),
    "env: [{name: A, valueFrom: {secretKeyRef: {name: n, key: k OPTIONAL}}}]": ("Secret", True),
    "{configMap: {name: n OPTIONAL}}": ("ConfigMap", False),
    "{secret: {secretName: n OPTIONAL}}": ("Secret", False),
    "{projected: {sources: [{configMap: {name: n OPTIONAL}}]}}": ("ConfigMap", False),
    "{projected: {sources: [{secret: {name: n OPTIONAL}}]}}": ("Secret", False),
}


def told(containers: str = "", volumes: str = "", rest: str = "") -> list[tuple[str, str, bool, bool]]:
    """Return what a Pod reads."""
    spec = read("Pod", spec=f"containers: [{{name: c, image: i, {containers}}}], volumes: [{volumes}], {rest}").spec
    return [(one.kind, one.name, one.optional, one.by_environment) for one in references_of(spec)]


@pytest.mark.parametrize("optional", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_read_is_known(way: str, optional: bool) -> None:
    """By environment or as a file, optional or not."""
    kind, by_environment = WAYS[way]
    said = way.replace(" OPTIONAL", ", optional: true" if optional else "")
    if by_environment:
        assert told(said) == [(kind, "n", optional, True)]
        assert told(rest=f"initContainers: [{{name: d, image: i, {said}}}]") == [(kind, "n", optional, True)]
    else:
        assert told(volumes=said.replace("{", "{name: v, ", 1)) == [(kind, "n", optional, False)]


@pytest.mark.parametrize(
    ("first", "second", "together"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_required_wins_over_optional(first: bool, second: bool, together: bool) -> None:
    """Whichever comes first."""
    said = [f"{{configMapRef: {{name: n, optional: {str(one).lower()}}}}}" for one in (first, second)]
    assert told(f"envFrom: [{', '.join(said)}]") == [("ConfigMap", "n", together, True)]


def test_environment_wins_over_files_and_names_are_in_order() -> None:
    """A variable never changes in place."""
    file, variable = (
        "{name: v, configMap: {name: b}}",
        "envFrom: [{configMapRef: {name: b}}, {configMapRef: {name: a}}]",
    )
    assert told(variable, file) == [("ConfigMap", "a", False, True), ("ConfigMap", "b", False, True)]
    assert told(volumes=f"{file}, {file.replace('v,', 'w,')}") == [("ConfigMap", "b", False, False)]


def test_a_plain_variable_reads_nothing() -> None:
    """Nor does a volume of another sort."""
    assert told("env: [{name: A, value: b}]", "{name: v, emptyDir: {}}") == []


def test_claims_are_those_of_volumes_each_once() -> None:
    """Also those that are made for the Pod."""
    template = "{metadata: {name: made}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1}}}}"
    volumes = (
        "{name: a, persistentVolumeClaim: {claimName: z}}, {name: b, persistentVolumeClaim: {claimName: z}},"
        f"{{name: c, ephemeral: {{volumeClaimTemplate: {template}}}}}, {{name: d, emptyDir: {{}}}}"
    )
    spec = read("Pod", spec=f"containers: [{{name: c, image: i}}], volumes: [{volumes}]").spec
    assert claims_of(spec) == ("made", "z")
