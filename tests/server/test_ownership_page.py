"""The drawing of who belongs to whom, as the API gives it."""

import msgspec
from api_double import Api, pod

from reconciler.model.kinds import OwnerReference


def test_owners_are_drawn(api: Api) -> None:
    """`kubectl get --raw` of Kubernetes' path shows it."""
    owner = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="web", uid="r")
    owned = pod("web-1")
    api.objects.put(
        msgspec.structs.replace(owned, metadata=msgspec.structs.replace(owned.metadata, owner_references=(owner,)))
    )
    answer = "\n".join(api.client.lines("GET", "/debug/controllers/garbagecollector/graph"))
    assert "replicaset/web" in answer
    assert " -> " in answer
