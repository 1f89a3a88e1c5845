"""Rules on metadata: the namespace, and the annotations that change what is done."""

import re
from collections.abc import Iterator

from reconciler.model.kinds import KINDS, AnyObject, kind_named
from reconciler.model.kinds.scalars import LABEL_PATTERN
from reconciler.model.refs import ObjectRef
from reconciler.schema.positions import join_pointer
from reconciler.schema.rules.finding import Finding, error

DEPENDS_ON = "reconciler.dev/depends-on"
WAVE = "reconciler.dev/wave"

_NAMESPACE = re.compile(LABEL_PATTERN)
_WAVE = re.compile(r"[+-]?[0-9]{1,6}")
_ANNOTATIONS_MAX = 256 * 1024


def metadata_findings(object: AnyObject) -> Iterator[Finding]:
    """Yield what is wrong with an object's metadata."""
    metadata = object.metadata
    if metadata.namespace and (len(metadata.namespace) > 63 or not _NAMESPACE.search(metadata.namespace)):
        words = "lower-case letters, digits and -, at most 63, beginning and ending with a letter or digit"
        yield error("/metadata/namespace", f"namespace: not {words}", code="bad-name")
    if sum(len(key) + len(value) for key, value in metadata.annotations.items()) > _ANNOTATIONS_MAX:
        yield error("/metadata/annotations", "the annotations are larger than 256 KiB", code="too-large")
    wave = metadata.annotations.get(WAVE)
    if wave is not None and not _WAVE.fullmatch(wave.strip()):
        yield error(annotation_pointer(WAVE), f"{WAVE}: must be a whole number", code="bad-annotation")
    for part, ref in dependencies(object):
        if ref is None:
            message = f"{DEPENDS_ON}: {part!r} names no object"
            hint = "write kind/namespace/name, or kind/name for kinds without namespace, separated by commas"
            yield error(annotation_pointer(DEPENDS_ON), message, hint, "bad-annotation")


def dependencies(object: AnyObject) -> Iterator[tuple[str, ObjectRef | None]]:
    """Yield each part of the depends-on annotation with the object it names, None where it names none."""
    for part in object.metadata.annotations.get(DEPENDS_ON, "").split(","):
        if part.strip():
            yield part.strip(), _dependency(part.strip())


def annotation_pointer(key: str) -> str:
    """Return the pointer to an annotation."""
    return join_pointer("metadata", "annotations", key)


def _dependency(text: str) -> ObjectRef | None:
    word, *names = text.split("/")
    spec = KINDS.get(word) or kind_named(word)
    if spec is None or not all(names) or len(names) != (2 if spec.namespaced else 1):
        return None
    return ObjectRef(kind=spec.kind, namespace=names[0] if spec.namespaced else "", name=names[-1])
