"""From files to validated objects: every problem of a revision at once, with its place.

Pure, but for the cache that is passed in. An unchanged file (same path and blob) costs one look into the cache;
rules across objects work on small facts that are kept with it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePosixPath
from typing import Any, NamedTuple, Protocol

import msgspec

from reconciler.model.base import Value
from reconciler.model.canonical import canonical, digest
from reconciler.model.conversions import NotConvertible, to_kept
from reconciler.model.desired import DesiredObject, Provenance
from reconciler.model.kinds import AnyObject, KindSpec, Secret, ref_of
from reconciler.model.legacy_addresses import with_plain_addresses
from reconciler.model.problem import Problem, Severity
from reconciler.model.refs import ObjectRef
from reconciler.schema.cache import Cache
from reconciler.schema.decode import decode
from reconciler.schema.generate import all_schemas
from reconciler.schema.known import Unknown, recognise
from reconciler.schema.problems import fault_problem, namespace_of, unknown_problem
from reconciler.schema.ratchet import Applied, Refusal, ratcheted
from reconciler.schema.reader import Document, read_documents
from reconciler.schema.rules.across import Declared, across
from reconciler.schema.rules.facts import facts_of
from reconciler.schema.rules.objects import findings
from reconciler.schema.rulings import harmless_fields
from reconciler.schema.structure import Fault, faults

SUFFIXES = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))


class ManifestFile(Protocol):
    """What is needed of a file: its path in the tree, the name of its content, the content."""

    @property
    def path(self) -> str:
        """The path within the tree, with forward slashes."""

    @property
    def blob_id(self) -> str:
        """Git's name for the content."""

    @property
    def content(self) -> bytes:
        """The content."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to validate."""

    path: str
    content: bytes
    blob_id: str = ""


class ValidationResult(Value):
    """The objects of a revision in the order of their places, and all problems, ordered by file, line and column."""

    objects: tuple[DesiredObject, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether no problem is an error."""
        return not any(problem.is_error for problem in self.problems)


class _Settings(NamedTuple):
    """What of a file is a matter of settings."""

    unknown_kinds: Severity
    legacy_addresses: bool
    digest_key: bytes


@dataclass(frozen=True, slots=True)
class FileResult:
    """What one file says by itself; kept in the cache. `mentioned` are objects too broken to be built.

    `refusals` are errors in objects that could be built, `problems` all others.
    """

    declared: tuple[Declared, ...] = ()
    mentioned: tuple[ObjectRef, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    problems: tuple[Problem, ...] = ()


def validate(
    files: Iterable[ManifestFile],
    *,
    source_path: str = "",
    cache: Cache[FileResult] | None = None,
    unknown_kinds: Severity = Severity.ERROR,
    legacy_addresses: bool = False,
    digest_key: bytes = b"",
    applied: Applied = lambda ref: None,
) -> ValidationResult:
    """Validate all manifests below `source_path`.

    `unknown_kinds` makes kinds that we do not carry an error or a warning that skips them. `legacy_addresses` reads
    addresses in forms that Kubernetes took before it became strict, with a warning. `digest_key` keys the digests of
    Secrets, so that they reveal nothing. `applied` tells of the objects that are there: what is wrong with one of them
    already is a warning.
    """
    chosen = [file for file in files if _is_manifest(file.path, source_path)]
    rendered, settings = _kustomized(chosen), _Settings(unknown_kinds, legacy_addresses, digest_key)
    results = [
        _cached(file, cache, settings)
        for file in sorted(chosen, key=lambda file: file.path)
        if not _is_below(file.path, rendered)
    ]
    declared = [one for result in results for one in result.declared]
    mentioned = frozenset(ref for result in results for ref in result.mentioned)
    problems = [problem for result in results for problem in result.problems]
    problems += ratcheted((refusal for result in results for refusal in result.refusals), applied)
    problems += [_kustomize_problem(rendered[folder]) for folder in sorted(rendered)]
    problems += across(declared, mentioned)
    return ValidationResult(
        objects=tuple(one.desired for one in declared),
        problems=tuple(sorted(problems, key=_place)),
    )


@cache
def schema_digest() -> str:
    """Return the digest of everything that the verdict on one file depends on besides the file."""
    text = json.dumps(all_schemas(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _validated(file: ManifestFile, settings: _Settings) -> FileResult:
    """Return what one file says by itself, without a look at others."""
    documents, reading = read_documents(file.path, file.content)
    declared: list[Declared] = []
    mentioned: list[ObjectRef] = []
    problems = list(reading)
    refusals: list[Refusal] = []
    for document in documents:
        spec = recognise(document.value.get("apiVersion"), document.value.get("kind"))
        if isinstance(spec, Unknown):
            problems.append(unknown_problem(document, spec, settings.unknown_kinds))
            continue
        try:
            document = replace(document, value=to_kept(document.value)) if spec.also else document
        except NotConvertible as error:
            problems.append(_not_of_version(document, spec, error))
            mentioned += _mentioned(document, spec)
            continue
        if settings.legacy_addresses:
            document, warnings = _with_plain_addresses(document, spec)
            problems += warnings
        found = faults(spec.kind, document.value)
        if found:
            problems += [fault_problem(document, fault, Severity.ERROR, file.content) for fault in found]
            problems += _despite(document, spec, found)
            mentioned += _mentioned(document, spec)
            continue
        object = decode(spec, document.value)
        remarks = list(_remarks(document, spec, object))
        refusals += [Refusal(ref_of(object), fault, problem) for fault, problem in remarks if problem.is_error]
        problems += [problem for _, problem in remarks if not problem.is_error]
        declared.append(_declared(document, object, settings.digest_key))
    return FileResult(tuple(declared), tuple(mentioned), tuple(refusals), tuple(problems))


def _with_plain_addresses(document: Document, spec: KindSpec) -> tuple[Document, list[Problem]]:
    """Return a document with its addresses as they are taken, and a warning for each that is written otherwise."""
    plain, readings = with_plain_addresses(spec.kind, document.value)
    faults = (
        Fault(one.pointer, f"{one.text} is taken for {one.meant}", "other programs may read it otherwise: write that")
        for one in readings
    )
    return replace(document, value=plain), [fault_problem(document, fault, Severity.WARNING) for fault in faults]


def _not_of_version(document: Document, spec: KindSpec, error: NotConvertible) -> Problem:
    field = error.pointer.rpartition("/")[2]
    message = f"unknown field {field} in {document.value['apiVersion']}"
    fault = Fault(error.pointer, message, f"write apiVersion: {spec.api_version}", "unknown-field", at_key=True)
    return fault_problem(document, fault, Severity.ERROR)


def _remarks(document: Document, spec: KindSpec, object: AnyObject) -> Iterator[tuple[Fault, Problem]]:
    for fault in harmless_fields(spec, document.value):
        yield fault, fault_problem(document, fault, Severity.WARNING)
    for finding in findings(object, document.value):
        yield finding.fault, fault_problem(document, finding.fault, finding.severity)


def _despite(document: Document, spec: KindSpec, found: tuple[Fault, ...]) -> Iterator[Problem]:
    """Yield what the rules find in a faulty document, but for the parts whose structure is at fault (P23)."""
    if not isinstance(document.value.get("metadata"), dict):
        return
    try:
        object = decode(spec, document.value)
    except msgspec.ValidationError:
        return
    broken = tuple(fault.pointer.rpartition("/")[0] for fault in found if fault.code != "not-implemented")
    for finding in findings(object, document.value):
        pointer = finding.fault.pointer
        if not any(pointer == parent or pointer.startswith(parent + "/") for parent in broken):
            yield fault_problem(document, finding.fault, finding.severity)


def _cached(file: ManifestFile, cache: Cache[FileResult] | None, settings: _Settings) -> FileResult:
    if cache is None or not file.blob_id:
        return _validated(file, settings)
    key_name = hashlib.sha256(settings.digest_key).hexdigest()
    key = (
        file.path,
        file.blob_id,
        settings.unknown_kinds.value,
        str(settings.legacy_addresses),
        schema_digest(),
        key_name,
    )
    result = cache.get(key)
    if result is None:
        result = _validated(file, settings)
        cache.put(key, result)
    return result


def _is_manifest(path: str, source_path: str) -> bool:
    folder = source_path.strip("/")
    inside = not folder or path == folder or path.startswith(folder + "/")
    return inside and (path.endswith(SUFFIXES) or path.rpartition("/")[2] in KUSTOMIZATIONS)


def _kustomized(files: list[ManifestFile]) -> dict[str, str]:
    """Return the folders that hold a kustomization, with its path."""
    paths = [PurePosixPath(file.path) for file in files if file.path.rpartition("/")[2] in KUSTOMIZATIONS]
    return {path.parent.as_posix(): path.as_posix() for path in paths}


def _is_below(path: str, folders: dict[str, str]) -> bool:
    return any(parent.as_posix() in folders for parent in PurePosixPath(path).parents) if folders else False


def _kustomize_problem(path: str) -> Problem:
    return Problem(
        file=path,
        line=1,
        column=1,
        message="kustomizations are not rendered: the files of this directory were not read",
        hint="commit the output of kustomize build instead",
        code="kustomize",
    )


def _declared(document: Document, object: AnyObject, digest_key: bytes) -> Declared:
    ref = ref_of(object)
    line = document.positions.value("").line
    desired = DesiredObject(
        ref=ref,
        object=object,
        provenance=Provenance(file=document.file, line=line),
        digest=_digest(object, digest_key),
    )
    return Declared(desired, document.file, document.positions.start, facts_of(object, document.positions))


def _digest(object: AnyObject, key: bytes) -> str:
    if isinstance(object, Secret) and key:
        text = json.dumps(canonical(object), sort_keys=True).encode()
        return hmac.new(key, text, hashlib.sha256).hexdigest()
    return digest(object)


def _mentioned(document: Document, spec: KindSpec) -> Iterator[ObjectRef]:
    """Yield the name of an object that could not be built, so that references to it are not reported as missing."""
    metadata = document.value.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("name"), str):
        yield ObjectRef(kind=spec.kind, namespace=namespace_of(metadata, spec), name=metadata["name"])


def _place(problem: Problem) -> tuple[Any, ...]:
    return problem.file, problem.line, problem.column, problem.pointer, problem.severity.value, problem.message
