"""What an object was applied with is not held against it: a fault that it has already is a warning. Pure.

Rules become stricter with a new release of the program, and a revision has all objects in it: one that stands as it is
must not keep all others from changing. Kubernetes calls this ratcheting validation; a new object gets no such leave.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from reconciler.model.kinds import AnyObject
from reconciler.model.problem import Problem, Severity
from reconciler.model.refs import ObjectRef
from reconciler.schema.rules.objects import findings
from reconciler.schema.structure import Fault

# Returns the object of a name as it is applied; None where there is none.
Applied: TypeAlias = Callable[[ObjectRef], AnyObject | None]

_HINT = "it is applied like that already and may stay; a new object may not have it"


class Refusal(NamedTuple):
    """An error that a rule has found in an object."""

    ref: ObjectRef
    fault: Fault
    problem: Problem


def ratcheted(refusals: Iterable[Refusal], applied: Applied) -> Iterator[Problem]:
    """Yield the problems, those that an object has as it is applied as warnings."""
    known: dict[ObjectRef, frozenset[Fault]] = {}
    for ref, fault, problem in refusals:
        if ref not in known:
            known[ref] = _faults(applied(ref))
        if fault in known[ref]:
            yield msgspec.structs.replace(problem, severity=Severity.WARNING, hint=_HINT)
        else:
            yield problem


def _faults(object: AnyObject | None) -> frozenset[Fault]:
    if object is None:
        return frozenset()
    return frozenset(found.fault for found in findings(object, msgspec.to_builtins(object)))
