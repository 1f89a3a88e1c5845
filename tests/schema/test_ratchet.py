"""What an object was applied with by an earlier release is no reason to refuse a revision."""

from reconciler.model.kinds import AnyObject, Pod
from reconciler.model.problem import Severity
from reconciler.model.refs import ObjectRef
from reconciler.schema.cache import Cache
from reconciler.schema.ratchet import Applied
from reconciler.schema.validate import FileResult, SourceFile, ValidationResult, validate

POD = """apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers: [{name: a, image: IMAGE}]
  hostAliases: [{ip: ALIAS, hostnames: [db]}]
"""
WEB = ObjectRef.of("Pod", "shop", "web")


def text(alias: str, image: str = "b:1") -> bytes:
    """Return a Pod with an alias."""
    return POD.replace("ALIAS", alias).replace("IMAGE", image).encode()


def stored(alias: str) -> Pod:
    """Return the Pod as an earlier release applied it."""
    (found,) = validate([SourceFile("a.yaml", text("10.0.0.1"))]).objects
    assert isinstance(found.object, Pod)
    pod = found.object
    aliases = tuple(type(one)(ip=alias, hostnames=one.hostnames) for one in pod.spec.host_aliases)
    return Pod(metadata=pod.metadata, spec=type(pod.spec)(containers=pod.spec.containers, host_aliases=aliases))


def judged(content: bytes, applied: Applied, cache: Cache[FileResult] | None = None) -> ValidationResult:
    """Validate a Pod where something is applied."""
    return validate([SourceFile("a.yaml", content, "blob")], applied=applied, cache=cache)


def knows(object: AnyObject) -> Applied:
    """Return that the Pod is applied like that, and nothing else."""
    return lambda ref: object if ref == WEB else None


def test_a_fault_that_is_applied_already_is_a_warning() -> None:
    """Another image may be pushed; the warning keeps its place."""
    result = judged(text("010.0.0.1", image="b:2"), knows(stored("010.0.0.1")))
    assert result.is_valid
    (told,) = [one for one in result.problems if one.pointer == "/spec/hostAliases/0/ip"]
    assert (told.severity, told.line) == (Severity.WARNING, 6)


def test_another_fault_is_refused() -> None:
    """As is one in an object that is new."""
    assert not judged(text("nonsense"), knows(stored("010.0.0.1"))).is_valid
    assert not judged(text("010.0.0.1"), knows(stored("10.0.0.1"))).is_valid
    assert not judged(text("010.0.0.1"), lambda ref: None).is_valid


def test_what_is_remembered_of_a_file_says_nothing_of_what_is_applied() -> None:
    """The same file is refused once the object is gone."""
    cache: Cache[FileResult] = Cache()
    assert judged(text("010.0.0.1"), knows(stored("010.0.0.1")), cache).is_valid
    assert not judged(text("010.0.0.1"), lambda ref: None, cache).is_valid
