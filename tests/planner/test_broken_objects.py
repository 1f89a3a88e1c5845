"""What is not what its name says makes a pass fail, and no Pod that waits is forgotten for it."""

import pytest

from tests.parity.broken import fails_and_looks_again
from tests.planner.scheduled import pod


@pytest.mark.parametrize(
    "kind", ["Node", "Pod", "StorageClass", "PersistentVolume", "PersistentVolumeClaim", "Namespace"]
)
def test_a_pod_that_waits_is_looked_at_after_a_pass_that_failed(kind: str) -> None:
    """Something else is stored under a name of this kind."""
    assert fails_and_looks_again(pod("any", "web"), kind)
