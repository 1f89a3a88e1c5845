"""Images: pulling one, and making that of the sandboxes.

Effect. A pull's answer is read to its end, since the Engine reports failures inside a stream that began well.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.executors.container import pause
from reconciler.executors.container.credentials import credentials_for
from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused, EngineSilent
from reconciler.model.details import PullImage
from reconciler.model.errors import ReconcilerError, TerminalError, TransientError
from reconciler.model.kinds import ContainerImage
from reconciler.model.node import Materials

log = logging.getLogger(__name__)

_IMAGES_MAX, _NAMES_MAX = 50, 5
# Several Pods may start at once, and each import would make an image of its own.
_making_sandbox_image = threading.Lock()


class PullError(TransientError):
    """The image did not arrive."""

    reason = "ErrImagePull"


class InvalidImageName(TerminalError):
    """The reference cannot be read."""

    reason = "InvalidImageName"


def pull_image(engine: Engine, detail: PullImage, materials: Materials, deadline: Deadline) -> tuple[bool, str]:
    """Pull an image with each fitting credential until one works; return whether it changed, and its id."""
    choices: tuple[Mapping[str, str] | None, ...] = credentials_for(
        detail.image, detail.namespace, detail.pull_secrets, materials
    ) or (None,)
    before = _inspect(engine, detail.image)
    failure: PullError | None = None
    for credentials in choices:
        try:
            _pull(engine, detail.image, credentials, deadline)
        except PullError as error:
            failure = error
            continue
        after = engine.inspect_image(detail.image)
        if after is None:
            raise PullError(f"{detail.image} was pulled and is not there")
        return before is None or before["Id"] != after["Id"], str(after["Id"])
    assert failure is not None, "there is at least one choice"
    raise failure


def ensure_sandbox_image(engine: Engine) -> str:
    """Make the image of sandboxes where it is missing; return its reference."""
    with _making_sandbox_image:
        if engine.inspect_image(pause.REFERENCE) is None:
            engine.import_image(pause.archive(), pause.REPOSITORY, pause.VERSION, pause.CHANGES)
    return pause.REFERENCE


def image_names(listed: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return ids, tags and digests of listed images, sorted."""
    names: set[str] = set()
    for image in listed:
        names.add(str(image["Id"]))
        names.update(image.get("RepoTags") or ())
        names.update(image.get("RepoDigests") or ())
    return tuple(sorted(name for name in names if not name.startswith("<none>")))


def largest_images(listed: Sequence[Mapping[str, Any]]) -> tuple[ContainerImage, ...]:
    """Return the largest images with their names, as many as a kubelet reports; dangling ones have no name."""
    found = []
    for image in listed:
        given = (*(image.get("RepoDigests") or ()), *(image.get("RepoTags") or ()))
        names = sorted(name for name in given if not name.startswith("<none>"))
        if names:
            found.append(ContainerImage(names=tuple(names[:_NAMES_MAX]), size_bytes=int(image.get("Size") or 0)))
    found.sort(key=lambda one: (-one.size_bytes, one.names))
    return tuple(found[:_IMAGES_MAX])


def _inspect(engine: Engine, image: str) -> Mapping[str, Any] | None:
    try:
        return engine.inspect_image(image)
    except EngineRefused as error:
        raise _refused(image, error) from error


def _refused(image: str, error: EngineRefused) -> ReconcilerError:
    if error.status == 400:
        return InvalidImageName(f"{image!r} cannot be read as an image reference")
    return PullError(f"cannot pull {image}: {error}")


def _pull(engine: Engine, image: str, credentials: Mapping[str, str] | None, deadline: Deadline) -> None:
    try:
        for event in engine.pull(image, credentials, deadline):
            if "error" in event:
                raise PullError(f"cannot pull {image}: {event['error']}")
            log.debug("pulling", extra={"image": image, "progress": event})
    except EngineRefused as error:
        raise _refused(image, error) from error
    except EngineSilent as error:
        raise PullError(f"cannot pull {image}: no word from the registry within the deadline") from error
