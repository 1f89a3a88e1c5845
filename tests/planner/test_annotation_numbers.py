"""Numbers that persons and other programs write into annotations."""

import pytest

from reconciler.model.kinds import ObjectMeta, Pod, PodSpec
from reconciler.planner.workloads.annotations import count_in, signed_in
from reconciler.planner.workloads.podview import pod_cost


@pytest.mark.parametrize(
    ("text", "count", "signed"),
    [
        ("0", 0, 0),
        ("13", 13, 13),
        ("-1", None, -1),
        ("007", 7, None),
        ("7".zfill(5000), 7, None),
        ("-007", None, -7),
        ("+5", None, None),
        ("+-5", None, None),
        ("²", None, None),
        ("2147483647", 2147483647, 2147483647),
        ("2147483648", None, None),
        ("-2147483648", None, -2147483648),
        ("-2147483649", None, None),
        ("9" * 5000, None, None),
        ("", None, None),
    ],
)
def test_what_is_no_number_counts_as_absent(text: str, count: int | None, signed: int | None) -> None:
    """And stops no planning, whatever it is."""
    assert count_in({"a": text}, "a") == count
    assert signed_in({"a": text}, "a") == signed
    marks = {"controller.kubernetes.io/pod-deletion-cost": text}
    assert pod_cost(Pod(metadata=ObjectMeta(name="a", annotations=marks), spec=PodSpec(containers=()))) == (signed or 0)
