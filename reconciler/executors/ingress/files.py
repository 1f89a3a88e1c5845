"""The files that HAProxy reads: a folder for each configuration, and a link to the one that holds.

Effect. Everything is readable for root alone, below the runtime directory, which is memory. A certificate or a list of
users that has not come, or is another version than was asked for, is a failure that passes.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from reconciler.executors.ingress import lua
from reconciler.executors.ingress.users import entries, tables, userlist
from reconciler.executors.network.state import replace_file
from reconciler.model.details import ProgramIngress
from reconciler.model.errors import TransientError
from reconciler.model.ingress import ProxyBackend, ProxyServer, SecretUse
from reconciler.model.node import ConfigMaterial, Materials

CONFIG = "haproxy.cfg"
CURRENT = "current"
_BODIES = "bodies.lua"
_DEFAULT = "default.pem"
_YEARS = 10
# What follows it in a configuration is written anew when endpoints change.
_BACKENDS = "# The backends, with the endpoints that they had last\n"
Slots = Sequence[ProxyServer | None]


class ConfigFolders:
    """The folders of configurations of one runtime directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def config(self) -> Path:
        """The configuration that holds, by a name that stays."""
        return self._folder / CURRENT / CONFIG

    def write(self, detail: ProgramIngress, slots: Mapping[str, Slots], materials: Materials) -> Path:
        """Write a configuration with everything that it reads, and return its folder; it does not hold yet.

        What holds is let be, also when it is written once more: HAProxy may be started with it at any moment.
        """
        folder = self._folder / f"c-{detail.structure}"
        if folder.resolve() == self.config.parent.resolve():
            folder = folder.with_name(f"{folder.name}-again")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        lists = {one.list: entries(_values(materials, one.secret).data, one.by_key) for one in detail.users}
        sections = "\n".join(userlist(name, users) for name, users in sorted(lists.items()))
        text = f"{_bodies(folder)}\n{detail.head}\n{sections}\n{_BACKENDS}{''.join(_backends(detail.backends, slots))}"
        files = {CONFIG: text, "auth.lua": lua.SCRIPT, _BODIES: lua.BODIES, "users.lua": tables(lists)}
        files |= {one.file: "".join(f"{line}\n" for line in one.lines) for one in detail.maps}
        shown = [_DEFAULT]
        for one in detail.certificates:
            data = _values(materials, one.secret).data
            replace_file(folder / one.file, data.get("tls.crt", b"") + b"\n" + data.get("tls.key", b"") + b"\n")
            shown.append(" ".join([one.file, *one.hosts]))
        files["certificates.list"] = "".join(f"{line}\n" for line in shown)
        replace_file(folder / _DEFAULT, self._default_certificate())
        for name, content in files.items():
            replace_file(folder / name, content.encode())
        return folder

    def refill(self, detail: ProgramIngress, slots: Mapping[str, Slots]) -> None:
        """Note endpoints in the configuration that holds: a proxy that somebody starts without us begins with them."""
        config = self.config.resolve()
        kept, mark, _ = config.read_text().partition(_BACKENDS)
        if mark:
            replace_file(config, f"{kept}{mark}{''.join(_backends(detail.backends, slots))}".encode())

    def hold(self, folder: Path) -> Path | None:
        """Have a configuration hold; return the folder of the one before."""
        link = self._folder / CURRENT
        before = link.resolve() if link.is_symlink() and link.exists() else None
        fresh = self._folder / f".{CURRENT}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(folder.name)
        fresh.replace(link)
        return before

    def forget_others(self) -> None:
        """Remove what does not hold any more."""
        kept = (self._folder / CURRENT).resolve()
        for folder in self._folder.glob("c-*"):
            if folder.resolve() != kept:
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _default_certificate(self) -> bytes:
        """Return the certificate for hosts that have none: our own, made once."""
        path = self._folder / _DEFAULT
        if not path.exists():
            replace_file(path, _self_signed())
        return path.read_bytes()


def _bodies(folder: Path) -> str:
    """Return what loads the filter of bodies: for each thread by itself, which happens when names are absolute."""
    return f'global\n    lua-load-per-thread "{folder / _BODIES}"\n'


def server_lines(backend: ProxyBackend, slots: Slots) -> Iterator[str]:
    """Yield the servers of a backend, one for each slot; an empty slot waits to be filled."""
    options = f" {backend.options}" if backend.options else ""
    if backend.name_port:
        yield f"server s1 {backend.name_port} resolvers cluster init-addr none resolve-prefer ipv4{options}"
        return
    for number, one in enumerate(slots, start=1):
        if one is None:
            yield f"server s{number} 0.0.0.0:{number} disabled{options}"
        else:
            weight = " weight 0" if one.draining else ""
            yield f"server s{number} {one.address}:{one.port}{weight}{options}"


def _backends(backends: Sequence[ProxyBackend], slots: Mapping[str, Slots]) -> Iterator[str]:
    for backend in backends:
        yield f"\nbackend {backend.name}\n"
        yield from (f"    {line}\n" for line in backend.lines)
        yield from (f"    {line}\n" for line in server_lines(backend, slots.get(backend.name, ())))


def _values(materials: Materials, use: SecretUse) -> ConfigMaterial:
    found = materials.find("Secret", use.namespace, use.name)
    if found is None or found.version != use.version:
        raise TransientError(
            f"the values of secret/{use.namespace}/{use.name} have not come yet", reason="SecretNotHere"
        )
    return found


def _self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "reconciler ingress default certificate")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(8), "big") | 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ingress.local")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM) + private
