"""The door to nftables: `libnftables.so.1`, called in this process.

Effect. One transaction takes a fraction of a millisecond here and ten times that with the command. The library is used
by one thread at a time.
"""

import ctypes
import threading
from typing import NamedTuple

from reconciler.executors.network.netfilter_door import open_netfilter
from reconciler.model.errors import ConfigurationError, TransientError

_NUMERIC_PROTOCOL, _NUMERIC_PRIORITY, _NUMERIC_SYMBOL = 1 << 7, 1 << 8, 1 << 9
_STATELESS, _TERSE = 1 << 2, 1 << 11
_NUMERIC = _NUMERIC_PROTOCOL | _NUMERIC_PRIORITY | _NUMERIC_SYMBOL | _STATELESS


class NftablesError(TransientError):
    """The kernel or the library refused a command; the message is what it said."""

    reason = "Nftables"


class BaseChain(NamedTuple):
    """A chain that the kernel calls at a hook, whoever made it."""

    family: str
    table: str
    name: str
    hook: str
    policy: str


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libnftables.so.1", use_errno=True)
    except OSError as error:
        raise ConfigurationError(
            "libnftables.so.1 is not installed", hint="install the package libnftables1 (or nftables)"
        ) from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).restype = ctypes.c_char_p
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    return library


class Nftables:
    """A context of the library. Thread-safe."""

    def __init__(self) -> None:
        self._library = _load()
        self._lock = threading.Lock()
        open_netfilter().close()
        self._context: int | None = self._library.nft_ctx_new(0)
        if not self._context:
            raise NftablesError("libnftables gave no context")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def run(self, script: str) -> str:
        """Carry out commands as one transaction and return their output; raise NftablesError when refused."""
        return self._run(script, _NUMERIC)

    def list_table(self, name: str, *, elements: bool = True) -> str | None:
        """Return the listing of an `ip` table, with numbers for everything; None when there is no such table."""
        if name not in self.tables():
            return None
        return self._run(f"list table ip {name}", _NUMERIC if elements else _NUMERIC | _TERSE)

    def tables(self) -> frozenset[str]:
        """Return the names of the `ip` tables."""
        lines = self._run("list tables ip", _NUMERIC).splitlines()
        return frozenset(line.removeprefix("table ip ").strip() for line in lines)

    def base_chains(self) -> tuple[BaseChain, ...]:
        """Return the chains of everybody that the kernel calls."""
        return base_chains(self._run("list chains", _NUMERIC))

    def close(self) -> None:
        """Free the context."""
        with self._lock:
            if self._context:
                self._library.nft_ctx_free(self._context)
                self._context = None

    def _run(self, script: str, flags: int) -> str:
        with self._lock:
            if not self._context:
                raise NftablesError("the door to nftables is closed")
            self._library.nft_ctx_output_set_flags(self._context, flags)
            failed = self._library.nft_run_cmd_from_buffer(self._context, script.encode())
            output = self._library.nft_ctx_get_output_buffer(self._context) or b""
            problem = self._library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftablesError(_first_line(problem.decode(errors="replace")))
        return bytes(output).decode()


def base_chains(listing: str) -> tuple[BaseChain, ...]:
    """Read a listing of chains; those that only other chains lead to are left out."""
    found: list[BaseChain] = []
    family = table = chain = ""
    for line in listing.splitlines():
        match line.split():
            case ["table", family, table, "{"]:
                pass
            case ["chain", chain, "{"]:
                pass
            case ["type", _, "hook", hook, *rest]:
                policy = rest[rest.index("policy") + 1] if "policy" in rest else "accept"
                found.append(BaseChain(family, table, chain, hook, policy.rstrip(";")))
    return tuple(found)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "nftables refused a command and said nothing"
