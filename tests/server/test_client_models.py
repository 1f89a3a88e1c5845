"""Typed clients refuse documents that lack what Kubernetes' schema requires: here none of it is left out."""

import msgspec
import pytest
from kubernetes import client

from reconciler.model.kinds import KINDS, KindSpec, decode_object, ref_of
from reconciler.model.observed import StoredObject
from reconciler.schema.examples import EXAMPLES
from reconciler.server.wire import document, encode

OBSERVED = {
    "ControllerRevision": {"metadata": {"name": "web-1", "namespace": "shop"}, "revision": 1, "data": {"spec": {}}},
    "Node": {"metadata": {"name": "node-1"}, "status": {"nodeInfo": {"machineID": "1"}, "images": [{"names": ["a"]}]}},
    "Endpoints": {"metadata": {"name": "web", "namespace": "shop"}, "subsets": [{"ports": [{"port": 1}]}]},
    "EndpointSlice": {
        "metadata": {"name": "web", "namespace": "shop"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.42.0.1"], "zone": "a", "hints": {"forZones": [{"name": "a"}]}}],
    },
    "Event": {"metadata": {"name": "web", "namespace": "shop"}, "involvedObject": {"kind": "Pod"}},
}


def model_of(spec: KindSpec) -> str:
    """Return the name of a kind's class in the Python client."""
    version = spec.version[0].upper() + spec.version[1:]
    return f"Core{version}{spec.kind}" if spec.kind == "Event" else f"{version}{spec.kind}"


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("extra", [{}, {"status": {}}], ids=["declared", "with a status"])
def test_a_typed_client_reads_every_kind(kind: str, extra: dict[str, object]) -> None:
    """As it was declared and with an empty status."""
    spec = KINDS[kind]
    if not hasattr(client, model_of(spec)):
        pytest.skip(f"the client has no {model_of(spec)}")
    found = EXAMPLES.get(kind) or OBSERVED.get(kind)
    assert found is not None, f"no example of {kind}"
    shown = document(_stored({"kind": kind, "apiVersion": spec.api_version, **extra, **found}), reveal=True)
    read = client.ApiClient().deserialize(encode(shown).decode(), model_of(spec), "application/json")
    assert read.metadata.name


def _stored(plain: dict[str, object]) -> StoredObject:
    object = decode_object(plain)
    metadata = msgspec.structs.replace(object.metadata, uid="u", resource_version="7")
    object = msgspec.structs.replace(object, metadata=metadata)
    return StoredObject(ref=ref_of(object), object=object, manager="source/main")
