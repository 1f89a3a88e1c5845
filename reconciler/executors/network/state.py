"""Small files below the runtime directory: what we put into the kernel, to be recognised after a restart of ours.

Effect. The runtime directory is empty after a reboot, as the kernel is; where it is not, the boot id and the network
namespace in each file say that it is about another kernel state, and it counts as absent.
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from reconciler.model.base import Value

T = TypeVar("T")


class Kernel(Value):
    """Which kernel state a file is about."""

    boot_id: str
    namespace: int

    @classmethod
    def current(cls) -> "Kernel":
        """Return the running kernel and the network namespace of this process."""
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(boot_id=boot_id, namespace=Path("/proc/self/ns/net").stat().st_ino)


class _Envelope(Value):
    kernel: Kernel
    content: msgspec.Raw


class StateFile:
    """One value in one file, replaced atomically."""

    def __init__(self, path: Path, kernel: Kernel) -> None:
        self._path = path
        self._kernel = kernel

    def load(self, type_: type[T]) -> T | None:
        """Return the value, or None when there is none that is about this kernel state."""
        try:
            envelope = msgspec.json.decode(self._path.read_bytes(), type=_Envelope)
            return msgspec.json.decode(envelope.content, type=type_) if envelope.kernel == self._kernel else None
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def save(self, value: object) -> None:
        """Replace the value."""
        content = msgspec.Raw(msgspec.json.encode(value))
        replace_file(self._path, msgspec.json.encode(_Envelope(kernel=self._kernel, content=content)))

    def remove(self) -> None:
        """Forget the value."""
        self._path.unlink(missing_ok=True)


class SandboxBook:
    """Which sandbox each wired Pod has, so that its inside can be looked at after a restart."""

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._sandboxes: dict[str, str] = file.load(dict[str, str]) or {}

    def of(self, pod_uid: str) -> str:
        """Return the sandbox of a Pod, or nothing."""
        return self._sandboxes.get(pod_uid, "")

    def remember(self, pod_uid: str, sandbox: str) -> None:
        """Note a Pod's sandbox."""
        if self._sandboxes.get(pod_uid) != sandbox:
            self._sandboxes[pod_uid] = sandbox
            self._file.save(self._sandboxes)

    def forget(self, pod_uid: str) -> None:
        """Drop a Pod."""
        if self._sandboxes.pop(pod_uid, None) is not None:
            self._file.save(self._sandboxes)


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old or the new content, never a part."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        descriptor = os.open(fresh, flags, mode)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
