"""Key files: private from the first byte, and whole at any moment. Effect: files."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reconciler.model.errors import ConfigurationError


def make_private_directory(path: Path) -> None:
    """Make a directory that only its owner can look into."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be made: {error.strerror}") from error


def read(path: Path) -> bytes | None:
    """Return a file's content, or None when there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error


def replace(path: Path, content: bytes) -> None:
    """Put `content` in the place of what is there, in one step."""
    _place(path, content, lambda temporary: temporary.replace(path))


def create(path: Path, content: bytes) -> bool:
    """Make a file; False, and nothing is changed, when it is there already: the first one counts."""

    def link(temporary: Path) -> None:
        os.link(temporary, path)

    try:
        _place(path, content, link)
    except FileExistsError:
        return False
    return True


def _place(path: Path, content: bytes, finish: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        finish(temporary)
        _sync_directory(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
