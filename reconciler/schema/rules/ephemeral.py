"""Rules on volumes that bring a claim along."""

import re
from collections.abc import Iterator

import msgspec

from reconciler.model.kinds import ObjectMeta, Pod, PodSpec
from reconciler.model.kinds.scalars import SUBDOMAIN_PATTERN
from reconciler.schema.rules.finding import Finding, error
from reconciler.schema.rules.storage import claim_findings

_NAME_MAX = 253
_NOTHING = ObjectMeta()
_SUBDOMAIN = re.compile(SUBDOMAIN_PATTERN)


def ephemeral_findings(at: str, spec: PodSpec) -> Iterator[Finding]:
    """Yield what is wrong with the templates of claims in the Pod spec at pointer `at`."""
    for number, volume in enumerate(spec.volumes):
        if volume.ephemeral is None:
            continue
        place = f"{at}/volumes/{number}/ephemeral/volumeClaimTemplate"
        template = volume.ephemeral.volume_claim_template
        for field in _fields_beyond_marks(template.metadata):
            hint = "only labels and annotations are given: the claim is named after the Pod and the volume"
            yield error(f"{place}/metadata/{field}", f"a template of a claim has no {field}", hint)
        yield from claim_findings(template.spec, f"{place}/spec")


def _fields_beyond_marks(metadata: ObjectMeta) -> Iterator[str]:
    """Yield the fields that are given besides labels and annotations, as they are written."""
    for field in msgspec.structs.fields(ObjectMeta):
        is_given = getattr(metadata, field.name) != getattr(_NOTHING, field.name)
        if is_given and field.name not in ("labels", "annotations"):
            yield field.encode_name


def brought_claim_findings(pod: Pod) -> Iterator[Finding]:
    """Yield what is wrong with the names of the claims that a Pod brings along."""
    made = {f"{pod.metadata.name}-{one.name}" for one in pod.spec.volumes if one.ephemeral is not None}
    for number, volume in enumerate(pod.spec.volumes):
        place = f"/spec/volumes/{number}"
        name = f"{pod.metadata.name}-{volume.name}"
        if volume.ephemeral is not None and (len(name) > _NAME_MAX or not _SUBDOMAIN.search(name)):
            yield error(f"{place}/name", f"{name[:_NAME_MAX]} is no name for a claim", "shorten it", "bad-name")
        source = volume.persistent_volume_claim
        if source is not None and source.claim_name in made:
            message = f"{source.claim_name} is the claim of an ephemeral volume of this Pod"
            yield error(f"{place}/persistentVolumeClaim/claimName", message)
