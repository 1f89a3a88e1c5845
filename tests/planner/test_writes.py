"""In which order a plan is written down."""

from reconciler.model.observed import StoredObject
from reconciler.model.plan import Reason
from reconciler.planner.changes import changes_between
from tests.planner.reading import read, stored

POD = "containers: [{name: c, image: i}]"
PORTS = "ports: [{port: 80}]"


def some(name: str) -> list[StoredObject]:
    """Return objects of several kinds."""
    specs = {"Service": PORTS, "Pod": POD, "ConfigMap": ""}
    return [stored(read(kind, name=name, spec=spec)) for kind, spec in specs.items()]


def test_what_others_need_comes_first_and_goes_last() -> None:
    """Deletes come after everything else, in the opposite order."""
    old, new = some("old"), some("new")
    observed, decided = ({one.ref: one for one in each} for each in (old, new))
    touched = {one.ref: Reason.DECLARED for one in (*old, *new)}
    written = [(one.verb, str(one.ref)) for one in changes_between(observed, decided, touched, ())]
    assert written == [
        ("create", "configmap/default/new"),
        ("create", "pod/default/new"),
        ("create", "service/default/new"),
        ("delete", "service/default/old"),
        ("delete", "pod/default/old"),
        ("delete", "configmap/default/old"),
    ]


def test_what_comes_and_goes_in_one_pass_is_not_written() -> None:
    """Nor what is as it was."""
    (one, *_), (other, *_) = some("one"), some("other")
    touched = {one.ref: Reason.DECLARED, other.ref: Reason.DECLARED}
    assert changes_between({one.ref: one}, {one.ref: one}, touched, ()) == ()
