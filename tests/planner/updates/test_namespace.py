"""What may be asked of a namespace that ends."""

import pytest

from reconciler.planner.updates.namespace import finalize_faults
from tests.planner.reading import read


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [
        ("", False),
        ("kubernetes", False),
        ("example.com/cleanup", False),
        ("cleanup", True),
        ("''", True),
        ("two words/a", True),
        ("example.com/", True),
    ],
)
def test_finalizers_have_a_domain(names: str, is_refused: bool) -> None:
    """All but the one that every namespace of Kubernetes has."""
    old, new = read("Namespace"), read("Namespace", spec=f"finalizers: [example.com/first, {names}]")
    fields = ["spec.finalizers[1]"] if is_refused else []
    assert [fault.field for fault in finalize_faults(old, new)] == fields


def test_nothing_else_of_its_identity_differs() -> None:
    """Another namespace is not this one."""
    assert [fault.field for fault in finalize_faults(read("Namespace"), read("Namespace", name="other"))] == [
        "metadata.name"
    ]
