"""What tables are made of: columns, cells, ages that are told when a table is sent. Pure."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from reconciler.model.base import Value
from reconciler.model.kinds.meta import LabelSelector, ObjectMeta
from reconciler.model.labels import query_text, requirements_of
from reconciler.model.times import unix

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
_SHOWN = 3


class Column(Value):
    """One column; those with a priority above 0 are shown in wide output only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""


class Since(NamedTuple):
    """The time from `at` (Unix seconds) until the table is sent, with text around it."""

    at: float
    before: str = ""
    after: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether nothing stands around the time."""
        return not (self.before or self.after)

    def text(self, now: float) -> str:
        """Return the cell's text at a moment."""
        return f"{self.before}{human_duration(now - self.at)}{self.after}"


Cell: TypeAlias = str | int | bool | Since
Cells: TypeAlias = tuple[Cell, ...]


class RowCondition(Value):
    """Something clients may mark a row with: a Pod that has completed."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Form(NamedTuple):
    """How the objects of one kind stand in a table."""

    columns: tuple[Column, ...]
    cells: Callable[[Any], Cells]
    conditions: Callable[[Any], tuple[RowCondition, ...]] = lambda _: ()


def text(name: str, description: str, *, wide: bool = False) -> Column:
    """Return a column of text."""
    return Column(name=name, priority=int(wide), description=description)


def whole(name: str, description: str) -> Column:
    """Return a column of whole numbers."""
    return Column(name=name, type="integer", description=description)


def boolean(name: str, description: str) -> Column:
    """Return a column of true and false."""
    return Column(name=name, type="boolean", description=description)


NAME = Column(name="Name", format="name", description="The object's name, unique for its kind in its namespace.")
AGE = text("Age", "How long ago the object was created.")
CREATED_AT = Column(name="Created At", type="date", description="When the object was created, in UTC.")
CONTAINERS = text("Containers", "The names of the template's containers.", wide=True)
IMAGES = text("Images", "The images of the template's containers.", wide=True)
SELECTOR = text("Selector", "Which Pods it is about, by label.", wide=True)


def age(metadata: ObjectMeta) -> Cell:
    """Return the cell that says how old an object is."""
    return since(metadata.creation_timestamp)


def since(at: str | None) -> Cell:
    """Return the cell that says how long ago a time was."""
    return Since(time) if (time := unix(at)) is not None else UNKNOWN


@lru_cache(maxsize=8192)
def _duration(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    days, years = hours // 24, hours // (24 * 365)
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if years < 2:
        return f"{days}d"
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def human_duration(seconds: float) -> str:
    """Return a length of time in at most two units, the way kubectl's users know it: `5m`, `3h10m`, `2d`."""
    whole = int(seconds)
    return _duration(max(0, whole)) if whole >= -1 else "<invalid>"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as `a=b,c=d`."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or NONE


def selector_text(selector: LabelSelector | None) -> str:
    """Return a label selector as it is written in queries."""
    return NONE if selector is None else query_text(requirements_of(selector)) or NONE


def template_cells(template: Any) -> tuple[str, str]:
    """Return the names and the images of a Pod template's containers."""
    containers = template.spec.containers
    return ",".join(one.name for one in containers), ",".join(one.image for one in containers)


def first_few(found: Iterable[str], absent: str) -> str:
    """Return the first of many with the number of the others: `a,b,c + 2 more...`."""
    texts = list(found)
    shown = ",".join(texts[:_SHOWN]) or absent
    return f"{shown} + {len(texts) - _SHOWN} more..." if len(texts) > _SHOWN else shown


def optional(value: Any, attribute: str, default: Any) -> Any:
    """Return an attribute that not every version of a kind has, or the default for none."""
    found = getattr(value, attribute, default)
    return default if found is None else found
