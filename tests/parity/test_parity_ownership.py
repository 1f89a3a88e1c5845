"""Who belongs to whom is drawn as upstream's garbage collector draws it."""

import re
from typing import Any

from reconciler.model.kinds import ConfigMap, ObjectMeta, OwnerReference
from reconciler.render.ownership import Owned, Ownership, dot, ownership_of
from tests.parity.rows import compare

Case = dict[str, Any]
_BOX = re.compile(r'  n(\d+) \[label="((?:[^"\\]|\\.)*)"\];')
_ARROW = re.compile(r"  n(\d+) -> n(\d+);")


def found_in(case: Case) -> Ownership:
    """Return the drawing of a row's objects, which are told by uid alone."""
    objects = []
    for uid, node in case["uidToNode"].items():
        owners = tuple(
            OwnerReference(api_version="v1", kind="ConfigMap", name=one["uid"], uid=one["uid"])
            for one in node.get("owners", ())
        )
        objects.append(ConfigMap(metadata=ObjectMeta(name=uid, uid=uid, owner_references=owners)))
    return ownership_of(objects, case.get("uids", ()))


def is_drawn(case: Case) -> bool:
    """Judge a row with objects: what is drawn, and between what."""
    found = found_in(case)
    boxes = [one.uid for one in found.objects]
    wanted = sorted((one["F"], one["T"]) for one in case["expectEdges"])
    return boxes == sorted(one["uid"] for one in case["expectNodes"]) and list(found.edges) == wanted


def is_written(case: Case) -> bool:
    """Judge a row with a drawing: its text names each object and leads each arrow, whatever signs are in the names."""
    boxes = tuple(
        Owned(
            uid=one["uid"],
            kind=one.get("gvk", {}).get("Kind", ""),
            namespace=one.get("namespace", ""),
            name=one.get("name", ""),
        )
        for one in case["nodes"]
    )
    text = dot(Ownership(objects=boxes, edges=tuple((one["F"], one["T"]) for one in case["edges"])))
    labels = [plain(label).split("\n") for _, label in _BOX.findall(text)]
    uids = [lines[-1].removeprefix("uid=") for lines in labels]
    names = [lines[0].rpartition("/")[2] if one.name else "" for lines, one in zip(labels, boxes, strict=True)]
    arrows = [{"F": uids[int(low)], "T": uids[int(high)]} for low, high in _ARROW.findall(text)]
    return (uids, names, arrows) == ([one.uid for one in boxes], [one.name for one in boxes], case["edges"])


def plain(label: str) -> str:
    """Return a label as it is shown."""
    return re.sub(r"\\(.)", lambda sign: "\n" if sign[1] == "n" else sign[1], label)


def test_owners_are_drawn_as_upstream_draws_them() -> None:
    """Every object with an owner or something of its own, and what hangs together."""
    tables = {"TestToDOTGraph": is_drawn, "TestToDOTGraphObj": is_drawn, "TestMarshalDOT": is_written}
    compare("pkg_controller_garbagecollector", tables)
