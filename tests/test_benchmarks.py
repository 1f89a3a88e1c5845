"""What the benchmarks declare is valid: a rule that refuses it would end them."""

import pytest

from benchmarks.bench_placing_many import OF_ONE, SIZES, TEMPLATES, declared_pods
from benchmarks.bench_spread import RULES


@pytest.mark.parametrize("pods", [pods for pods, _ in SIZES])
def test_very_many_pods_are_valid(pods: int) -> None:
    """Of as few workloads as may have them, and of many with rules; one more as well."""
    for templates, rules in ((-(-pods // OF_ONE), ""), (TEMPLATES, RULES)):
        declared = declared_pods(pods, templates, rules, more=1)["main"].objects
        assert sum(one.object.spec.replicas for one in declared) == pods + 1  # type: ignore[attr-defined]
