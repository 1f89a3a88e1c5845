"""The clock, the log and the lock of a service. Effect: files."""

import fcntl
import logging
import os
import sys
import time
from pathlib import Path

from reconciler.config import Settings
from reconciler.model.errors import ConfigurationError


class SystemClock:
    """The Clock port on this machine's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


def set_up_logging(level: str) -> None:
    """Log to stderr, one line each with its key-values, for the journal."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_KeyValues())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("reconciler").setLevel(level.upper())


class _KeyValues(logging.Formatter):
    """Constant messages followed by what they are about."""

    _PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        extra = {name: value for name, value in record.__dict__.items() if name not in self._PLAIN}
        pairs = "".join(f" {name}={value!r}" for name, value in sorted(extra.items()))
        text = f"{record.levelname.lower():7} {record.name.removeprefix('reconciler.')}: {record.getMessage()}{pairs}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def only_one(settings: Settings, name: str) -> "Held":
    """Return the lock by which a data directory has one process of a kind at a time."""
    return Held(Path(settings.data_dir) / name)


class Held:
    """A lock on the data directory; the kernel frees it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        if not self._path.parent.is_dir():
            raise ConfigurationError(
                f"{self._path.parent} does not exist",
                hint="run: reconciler init, or on a host that joins: reconciler join",
            )
        self._file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise ConfigurationError(
                f"process {holder} uses {self._path.parent} already",
                reason="AlreadyRunning",
                hint="stop it first, or use another --data-dir",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.close()
