"""The small pure parts: expansion, downward values, credentials, frames, facts, versions, the sandbox's program."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.executors.container import pause
from reconciler.executors.container.credentials import credentials_for, registry_of
from reconciler.executors.container.environment import expand
from reconciler.executors.container.facts import unix_seconds
from reconciler.executors.container.frames import Demultiplexer
from reconciler.executors.downward import PodPlace, field_value, format_map, resource_value
from reconciler.executors.engine import choose_version, split_reference
from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.model.granted import qos_class
from reconciler.model.kinds import ObjectFieldSelector, ResourceFieldSelector
from tests.executors.container import build

PLACE = PodPlace(node="n1", pod_ip="10.42.0.7", host_ip="192.0.2.1", cpu_millis=4000, memory_bytes=1 << 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "a"),
        ("x$(A)y$(B)", "xayb"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$(NO)", "$(NO)"),
        ("$(A", "$(A"),
        ("$A", "$A"),
        ("$", "$"),
        ("a$", "a$"),
        ("$()", "$()"),
        ("$(A))", "a)"),
        ("$($(A))", "$($(A))"),
        ("\n$(A)\n", "\na\n"),
    ],
)
def test_expansion_is_that_of_kubernetes(text: str, expected: str) -> None:
    """The cases of its own test table."""
    assert expand(text, {"A": "a", "B": "b"}) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("metadata.name", "web-1"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", build.UID),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['no']", ""),
        ("metadata.annotations", 'note="a \\"quoted\\" one"'),
        ("spec.nodeName", "n1"),
        ("spec.serviceAccountName", "default"),
        ("status.hostIP", "192.0.2.1"),
        ("status.podIPs", "10.42.0.7"),
    ],
)
def test_fields_of_the_pod(path: str, expected: str) -> None:
    """Every field that Kubernetes lets a Pod refer to."""
    assert field_value(ObjectFieldSelector(field_path=path), build.pod(), PLACE) == expected


def test_a_field_that_does_not_exist_is_refused() -> None:
    """An unknown field is an error, not an empty text."""
    with pytest.raises(ReconcilerError):
        field_value(ObjectFieldSelector(field_path="spec.nothing"), build.pod(), PLACE)


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", "1", "4"),
        ("limits.memory", "1Mi", "1024"),
        ("requests.cpu", "1m", "100"),
        ("requests.cpu", "1", "1"),
        ("requests.memory", "0", "0"),
    ],
)
def test_resources_of_the_container(resource: str, divisor: str, expected: str) -> None:
    """A missing limit is what the host has; the result is rounded up."""
    pod = build.pod(containers=[build.container(resources={"requests": {"cpu": "100m"}})])
    selector = ResourceFieldSelector(resource=resource, divisor=divisor)
    assert resource_value(selector, pod, pod.spec.containers[0], PLACE) == expected


def test_labels_are_written_as_lines() -> None:
    """Sorted and quoted."""
    assert format_map({"b": "x\ny", "a": "é\x01"}) == 'a="é\\x01"\nb="x\\ny"'


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("nginx", "docker.io"),
        ("shop/web:1", "docker.io"),
        ("localhost/web", "localhost"),
        ("registry.example:5000/web@sha256:0", "registry.example:5000"),
    ],
)
def test_the_registry_of_an_image(image: str, registry: str) -> None:
    """A first part with a dot or a port is a host."""
    assert registry_of(image) == registry


def test_the_credentials_for_an_image() -> None:
    """Those for the longest path come first; those of other registries not at all."""

    def entry(user: str) -> dict[str, str]:
        return {"auth": base64.b64encode(f"{user}:pass:word".encode()).decode()}

    auths = {
        "https://index.docker.io/v1/": entry("hub"),
        "reg.example": entry("whole"),
        "reg.example/shop": entry("part"),
        "*.example": {"username": "any", "password": "p"},
        "reg.example:5000": entry("port"),
    }
    secret = build.material("Secret", "pull", **{".dockerconfigjson": json.dumps({"auths": auths})})
    materials = build.materials(secret)

    def users(image: str) -> list[str]:
        return [found["username"] for found in credentials_for(image, "shop", ("no", "pull"), materials)]

    assert users("reg.example/shop/web:1") == ["part", "whole", "any"]
    assert users("reg.example/shopping/web") == ["whole", "any"]
    assert users("reg.example:5000/web") == ["port"]
    assert users("nginx") == ["hub"]
    assert credentials_for("nginx", "shop", ("pull",), materials)[0]["password"] == "pass:word"


def test_frames_in_pieces_of_any_size() -> None:
    """Output and error output, cut anywhere."""
    stream = b"".join(
        bytes([kind, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
        for kind, text in ((1, b"one"), (2, b"two"), (1, b"three"))
    )
    for size in (1, 2, 7, 100):
        frames = Demultiplexer()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert b"".join(part for piece in pieces for part in frames.feed(piece)) == b"onetwothree"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.500000000Z", 1.5),
        ("1970-01-01T01:00:01.25+01:00", 1.25),
    ],
)
def test_times_of_the_engine(text: str, expected: float) -> None:
    """Nanoseconds and zones are read; the year 1 is never."""
    assert unix_seconds(text) == expected


@pytest.mark.parametrize(
    ("newest", "oldest", "chosen"), [("1.41", "1.12", "1.41"), ("1.52", "1.44", "1.44"), ("1.47", "1.24", "1.41")]
)
def test_the_version_to_speak(newest: str, oldest: str, chosen: str) -> None:
    """The oldest that both speak."""
    assert choose_version(newest, oldest) == chosen


def test_an_engine_that_is_too_old_is_refused() -> None:
    """With a reason and what to do."""
    with pytest.raises(ConfigurationError) as refused:
        choose_version("1.40", "1.12")
    assert refused.value.reason == "EngineTooOld"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("nginx", ("nginx", "latest")),
        ("reg:5000/a/b", ("reg:5000/a/b", "latest")),
        ("reg:5000/a/b:1", ("reg:5000/a/b", "1")),
        ("reg:5000/a/b:1@sha256:ab", ("reg:5000/a/b", "sha256:ab")),
    ],
)
def test_references_are_split(reference: str, expected: tuple[str, str]) -> None:
    """A port is not a tag; a digest wins over a tag."""
    assert split_reference(reference) == expected


def test_classes_of_service() -> None:
    """Guaranteed needs equal limits for both in every container; nothing at all is best effort."""
    limits = {"cpu": "1", "memory": "1Gi"}

    def of(*resources: dict[str, dict[str, str]]) -> str:
        given = [build.container(f"c{n}", resources=each) for n, each in enumerate(resources)]
        return qos_class(build.pod(containers=given).spec)

    assert of({"limits": limits}) == "Guaranteed"
    assert of({"limits": limits}, {}) == "Burstable"
    assert of({"limits": limits, "requests": {"cpu": "500m"}}) == "Burstable"
    assert of({}, {}) == "BestEffort"


@pytest.mark.parametrize(("machine", "assembler"), [("x86_64", "as"), ("aarch64", "aarch64-linux-gnu-as")])
def test_the_sandboxs_program_is_what_its_assembly_says(machine: str, assembler: str, tmp_path: Path) -> None:
    """The machine code is reproducible where an assembler is at hand."""
    found, copy = shutil.which(assembler), shutil.which(assembler.removesuffix("as") + "objcopy")
    if found is None or copy is None:
        pytest.skip(f"{assembler} is not installed")
    subprocess.run([found, "-o", tmp_path / "o", "-"], input=pause.assembly(machine).encode(), check=True)
    subprocess.run([copy, "-O", "binary", "-j", ".text", tmp_path / "o", tmp_path / "code"], check=True)
    assert pause.program(machine)[120:] == (tmp_path / "code").read_bytes()
    assert len(pause.program(machine)) < 256
