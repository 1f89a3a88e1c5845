"""The image of sandboxes: one static program of a few hundred bytes, made here, so that no registry is needed.

Pure. The program blocks SIGTERM, SIGINT and SIGCHLD and waits for them: TERM and INT end it, CHLD makes it reap
every ended child (with a shared process namespace it is the parent of all orphans). As process 1 it would not be
ended by signals without a handler; blocked signals that are waited for need none. The machine code is listed with
its assembly; a test compares it with what an assembler makes of that.
"""

import io
import platform
import struct
import tarfile
from collections.abc import Mapping

from reconciler.model.base import Value
from reconciler.model.errors import ConfigurationError

VERSION = "1"
REPOSITORY = "reconciler/pause"
REFERENCE = f"{REPOSITORY}:{VERSION}"
CHANGES = ['ENTRYPOINT ["/pause"]', 'LABEL reconciler.dev/role="sandbox-image"']

_SIGNALS = (1 << 14) | (1 << 1) | (1 << 16)
_LOAD_AT = 0x400000
_HEADERS = 64 + 56


class _Machine(Value):
    """One processor: its number in ELF, and the program as pairs of assembly and machine code (hexadecimal)."""

    number: int
    listing: tuple[tuple[str, str], ...]


_X86_64 = _Machine(
    number=62,
    listing=(
        ("mov $14, %eax", "b80e000000"),
        ("xor %edi, %edi", "31ff"),
        ("lea set(%rip), %rsi", "488d3552000000"),
        ("xor %edx, %edx", "31d2"),
        ("mov $8, %r10d", "41ba08000000"),
        ("syscall", "0f05"),
        ("wait: mov $128, %eax", "b880000000"),
        ("lea set(%rip), %rdi", "488d3d3c000000"),
        ("xor %esi, %esi", "31f6"),
        ("xor %edx, %edx", "31d2"),
        ("mov $8, %r10d", "41ba08000000"),
        ("syscall", "0f05"),
        ("cmp $17, %eax", "83f811"),
        ("je reap", "740d"),
        ("test %eax, %eax", "85c0"),
        ("jle wait", "7edf"),
        ("mov $60, %eax", "b83c000000"),
        ("xor %edi, %edi", "31ff"),
        ("syscall", "0f05"),
        ("reap: mov $61, %eax", "b83d000000"),
        ("mov $-1, %rdi", "48c7c7ffffffff"),
        ("xor %esi, %esi", "31f6"),
        ("mov $1, %edx", "ba01000000"),
        ("xor %r10d, %r10d", "4531d2"),
        ("syscall", "0f05"),
        ("test %eax, %eax", "85c0"),
        ("jg reap", "7fe4"),
        ("jmp wait", "ebb8"),
        (f"set: .quad {_SIGNALS}", _SIGNALS.to_bytes(8, "little").hex()),
    ),
)
_AARCH64 = _Machine(
    number=183,
    listing=(
        ("mov x8, #135", "e81080d2"),
        ("mov x0, #0", "000080d2"),
        ("adr x1, set", "41030010"),
        ("mov x2, #0", "020080d2"),
        ("mov x3, #8", "030180d2"),
        ("svc #0", "010000d4"),
        ("wait: mov x8, #137", "281180d2"),
        ("adr x0, set", "a0020010"),
        ("mov x1, #0", "010080d2"),
        ("mov x2, #0", "020080d2"),
        ("mov x3, #8", "030180d2"),
        ("svc #0", "010000d4"),
        ("cmp w0, #17", "1f440071"),
        ("b.eq reap", "c0000054"),
        ("cmp w0, #0", "1f000071"),
        ("b.le wait", "edfeff54"),
        ("mov x8, #93", "a80b80d2"),
        ("mov x0, #0", "000080d2"),
        ("svc #0", "010000d4"),
        ("reap: mov x8, #260", "882080d2"),
        ("mov x0, #-1", "00008092"),
        ("mov x1, #0", "010080d2"),
        ("mov x2, #1", "220080d2"),
        ("mov x3, #0", "030080d2"),
        ("svc #0", "010000d4"),
        ("cmp w0, #0", "1f000071"),
        ("b.gt reap", "2cffff54"),
        ("b wait", "ebffff17"),
        (f"set: .quad {_SIGNALS}", _SIGNALS.to_bytes(8, "little").hex()),
    ),
)
MACHINES: Mapping[str, _Machine] = {"x86_64": _X86_64, "aarch64": _AARCH64}


def program(machine: str) -> bytes:
    """Return the program as an ELF executable."""
    if machine not in MACHINES:
        raise ConfigurationError(f"there is no sandbox program for processors of type {machine}")
    chosen = MACHINES[machine]
    code = b"".join(bytes.fromhex(each) for _, each in chosen.listing)
    size = _HEADERS + len(code)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", identity, 2, chosen.number, 1, _LOAD_AT + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_AT, _LOAD_AT, size, size, 0x1000)
    return header + segment + code


def assembly(machine: str) -> str:
    """Return the program's source."""
    lines = (text.replace(": ", ":\n") for text, _ in MACHINES[machine].listing)
    return ".globl _start\n_start:\n" + "\n".join(lines) + "\n"


def archive() -> bytes:
    """Return the image's file system for this host's processor."""
    content = program(platform.machine())
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()
