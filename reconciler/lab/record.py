"""What is written down of a lab in its folder. Effect: one file, replaced as a whole."""

from pathlib import Path

import msgspec

from reconciler.lab.fabric import Pair, Slow
from reconciler.model.base import Value

ANY_SUBNET = "10.99.0.0/24"
_FILE = "lab.json"


class Record(Value):
    """`complete` once it was up, `boot_id` of the machine that it runs on.

    `made` are folders of the machine that it has made, `cut` and `slow` what its links are told, `network_backend` how
    its cluster leads Pods to those of other nodes.
    """

    nodes: int
    subnet: str
    boot_id: str
    complete: bool = False
    made: tuple[str, ...] = ()
    cut: tuple[Pair, ...] = ()
    slow: dict[str, Slow] = {}
    network_backend: str = "vxlan"


def read_record(folder: Path) -> Record | None:
    """Return what is written down, or None when there is no lab."""
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        # Written by another version, or not by us to its end: of use to nobody but `down`.
        return Record(nodes=0, subnet=ANY_SUBNET, boot_id="")


def write_record(folder: Path, record: Record) -> None:
    """Write it down."""
    new = folder / f"{_FILE}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    new.rename(folder / _FILE)
