"""The images that were pulled for this cluster. Which they are is written down: an image carries no label of ours.

Effect: a file, and the removal of images. Only what was not on the host before we pulled it is ours. It is no longer so
once somebody gave it another name or pulled it again: then it is left alone for ever (P05).
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from reconciler.executors.engine import Engine
from reconciler.executors.transport import Deadline, EngineRefused
from reconciler.model.base import Value
from reconciler.model.errors import TransientError
from reconciler.model.pressure import OwnImage

log = logging.getLogger(__name__)

_OLDER_BY_S = 600.0


class ImageGCFailed(TransientError):
    """An image could not be removed."""

    reason = "ImageGCFailed"


class _Pulled(Value):
    """One image: its names as the Engine had them after the pull, when that was, and when it was last named."""

    names: tuple[str, ...]
    pulled_at: float
    named_at: str = ""


class PulledImages:
    """Notes what is pulled, and removes nothing else. Safe to use from many threads."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._lock = threading.Lock()
        self._known = _read(path)

    @contextmanager
    def noting(self, reference: str) -> Iterator[None]:
        """Note what comes by a pull within this block; a failed one leaves nothing."""
        before = {str(one["Id"]) for one in self._engine.list_images()}
        yield
        found = self._engine.inspect_image(reference)
        if found is None:
            return
        with self._lock:
            known = self._known.get(str(found["Id"]))
            if known is None and found["Id"] in before:
                return
            names = tuple(dict.fromkeys((*(known.names if known else ()), *_names(found))))
            pulled = _Pulled(names=names, pulled_at=time.time(), named_at=_named_at(found))
            self._write({**self._known, str(found["Id"]): pulled})

    def present(self, sizes: Mapping[str, int]) -> tuple[OwnImage, ...]:
        """Return those that are on the host (bytes by id); those that are not are forgotten.

        `sizes` may be older than the last pull: what came of late is kept.
        """
        since = time.time() - _OLDER_BY_S
        with self._lock:
            kept = {id: one for id, one in self._known.items() if id in sizes or one.pulled_at > since}
            if len(kept) < len(self._known):
                self._write(kept)
            return tuple(
                OwnImage(id=id, names=one.names, size_bytes=sizes[id], pulled_at=one.pulled_at)
                for id, one in sorted(kept.items())
                if id in sizes
            )

    def remove(self, image_id: str, deadline: Deadline) -> tuple[bool, str]:
        """Remove an image of ours that no container, anybody's, is made from; return whether it went, or why not."""
        with self._lock:
            known = self._known.get(image_id)
        found = self._engine.inspect_image(image_id)
        if known is None or found is None:
            return False, "it is not on the host, or was not pulled for this cluster"
        if not set(_names(found)) <= set(known.names) or _named_at(found) != known.named_at:
            self._forget(image_id)
            log.info("an image has been named by somebody else and is left alone", extra={"image": image_id})
            return False, "somebody else named it"
        if users := self._engine.containers_of(image_id):
            return False, f"{len(users)} containers are made from it"
        try:
            for name in (*_names(found), image_id):
                if name != image_id or self._engine.inspect_image(image_id) is not None:
                    self._engine.remove_image(name, deadline.left_s)
        except EngineRefused as error:
            if error.status != 404:
                raise ImageGCFailed(f"image {', '.join(known.names) or image_id} cannot be removed: {error}") from error
        self._forget(image_id)
        log.info("an image that nobody uses was removed", extra={"image": image_id, "names": known.names})
        return True, image_id

    def _forget(self, image_id: str) -> None:
        with self._lock:
            self._write({id: one for id, one in self._known.items() if id != image_id})

    def _write(self, known: Mapping[str, _Pulled]) -> None:
        """Keep the list; the lock is held. One that cannot be written makes an image nobody's after a restart."""
        self._known = dict(known)
        beside = self._path.with_suffix(".new")
        try:
            beside.write_bytes(msgspec.json.encode(self._known))
            beside.replace(self._path)
        except OSError as error:
            log.warning(
                "the list of pulled images cannot be written", extra={"path": str(self._path), "why": str(error)}
            )


def _read(path: Path) -> dict[str, _Pulled]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Pulled])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning(
            "the list of pulled images cannot be read: they are kept", extra={"path": str(path), "why": str(error)}
        )
        return {}


def _names(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tags of an image, or the digests of one without."""
    tags = [str(one) for one in found.get("RepoTags") or () if not str(one).startswith("<none>")]
    return tuple(tags or (str(one) for one in found.get("RepoDigests") or ()))


def _named_at(found: Mapping[str, Any]) -> str:
    return str((found.get("Metadata") or {}).get("LastTagTime") or "")
