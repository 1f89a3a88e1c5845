"""The Docker Engines of a lab, asked by their sockets. Effect: HTTP over Unix sockets.

The package `docker` is for the product's own way to one Engine; here three questions are all.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.lab.sockets import answer, document
from reconciler.model.errors import TerminalError, TransientError

_IMAGE_S = 600.0
_CHUNK_BYTES = 1 << 20


def version(door: Path) -> str:
    """Return the version of the Engine behind a socket, empty when it does not answer."""
    return str((document(door, "/version") or {}).get("Version", ""))


def load(door: Path, archive: Iterable[bytes]) -> list[str]:
    """Load the images of an archive; return their names."""
    headers = {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"}
    with answer(door, "POST", "/images/load?quiet=1", archive, headers, _IMAGE_S) as got:
        body = got.read()
        if got.status != 200:
            raise TerminalError(f"the archive cannot be loaded: {_message(body)}")
    told: list[dict[str, Any]] = [json.loads(line) for line in body.decode(errors="replace").splitlines() if line]
    # An error may come after a good beginning.
    if errors := [str(one["error"]) for one in told if "error" in one]:
        raise TerminalError(f"the archive cannot be loaded: {errors[0]}")
    lines = [str(one.get("stream", "")).strip() for one in told]
    return [line.removeprefix("Loaded image: ").removeprefix("Loaded image ID: ") for line in lines if line]


def saved(door: Path, image: str) -> Iterator[bytes]:
    """Return the archive of an image, piece by piece."""
    try:
        with answer(door, "GET", f"/images/{quote(image, safe='/:@')}/get", timeout_s=_IMAGE_S) as got:
            if got.status != 200:
                raise TerminalError(
                    f"this machine's Docker Engine does not give {image}: {_message(got.read())}",
                    hint=f"docker pull {image}, or name an archive (docker save)",
                )
            while piece := got.read(_CHUNK_BYTES):
                yield piece
    except OSError as error:
        raise TransientError(
            f"no file {image}, and this machine's Docker Engine, which might have such an image, does not answer "
            f"at {door}",
            hint="name an archive (docker save), or start the Engine: systemctl start docker",
        ) from error


def archived(path: Path) -> Iterator[bytes]:
    """Return an archive of a file, piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece


def _message(body: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["message"])
    return body.decode(errors="replace").strip()
