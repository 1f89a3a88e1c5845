"""How a remote is reached: its address, credentials and trust, all from explicit settings.

No credential is on a command line or in a file of ours: git asks a helper, which answers from its
environment, and only for the remote's own host. The helper and ssh leave marks (empty files) that tell
afterwards how far an attempt came.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from reconciler.git.errors import RepositoryMissing

_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]]+\]|[^:/]+):(?P<path>.+)")
_SCHEMES = {"file": "file", "http": "http", "https": "https", "ssh": "ssh", "git": "git"}
_CONNECT_S = 10

MARK_ASKED = "asked"
MARK_REFUSED = "refused"
MARK_AUTHENTICATED = "authenticated"

# The values come from the environment: see `http_environment`.
_HELPER = (
    '!f() { case "$1" in '
    f'get) : > "$RECONCILER_GIT_MARKS/{MARK_ASKED}"; '
    '[ -z "$RECONCILER_GIT_USERNAME" ] || '
    'printf "username=%s\\npassword=%s\\n" "$RECONCILER_GIT_USERNAME" "$RECONCILER_GIT_PASSWORD";; '
    f'erase) : > "$RECONCILER_GIT_MARKS/{MARK_REFUSED}";; esac; }}; f'
)


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials and trust for one source.

    Without `known_hosts` those of the user and of the machine hold; without `ssh_key` ssh's default keys are
    tried. `username` and `password` (a token) are for http; `ca_file` replaces the machine's certificate
    authorities.
    """

    ssh_key: Path | None = None
    known_hosts: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Remote:
    """An address in parts. `url` carries no password and may be shown."""

    url: str
    scheme: str
    host: str = ""
    port: int | None = None
    path: str = ""
    username: str = field(default="", repr=False)  # some hosts take a token in its place
    password: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """The scheme, host and port, as git scopes credentials."""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{_bracketed(self.host)}{port}"


def parse_remote(url: str) -> Remote:
    """Take an address apart: ssh, http, https, git, file, `user@host:path` or a local path."""
    if "://" in url:
        return _from_parts(urlsplit(url), url)
    if url.startswith(("/", "./", "../")):
        path = Path(url).absolute()
        return Remote(url=path.as_uri(), scheme="file", path=str(path))
    match = _SCP_LIKE.fullmatch(url)
    if match is None or url.startswith("-") or "::" in url.split("/")[0].rpartition("]")[2]:
        raise RepositoryMissing(f"{url!r} is not an address of a repository", hint="correct the url of the source")
    return Remote(
        url=url,
        scheme="ssh",
        host=match["host"].strip("[]"),
        path=match["path"],
        username=match["user"] or "",
    )


def _from_parts(parts: SplitResult, url: str) -> Remote:
    scheme = _SCHEMES.get(parts.scheme.lower())
    if scheme is None or (parts.hostname or "").startswith("-"):
        known = ", ".join(sorted(_SCHEMES))
        raise RepositoryMissing(f"addresses of the form {parts.scheme}:// are not fetched; known are {known}")
    if scheme == "file":
        return Remote(url=url, scheme=scheme, path=unquote(parts.path))
    host, port = parts.hostname or "", parts.port
    user = parts.username or ""
    shown_user = f"{user}@" if user and scheme == "ssh" else ""
    shown = f"{scheme}://{shown_user}{_bracketed(host)}{f':{port}' if port else ''}{parts.path}"
    return Remote(
        url=shown,
        scheme=scheme,
        host=host,
        port=port,
        path=parts.path,
        username=unquote(user),
        password=unquote(parts.password or ""),
    )


def remote_config(remote: Remote, access: Access) -> tuple[str, ...]:
    """Return git's configuration for reaching a remote; nothing secret is in it."""
    if remote.scheme not in ("http", "https"):
        return ()
    settings = (
        f"credential.{remote.origin}.helper={_HELPER}",
        "http.lowSpeedLimit=100",
        "http.lowSpeedTime=60",
    )
    return (*settings, f"http.sslCAInfo={access.ca_file}") if access.ca_file else settings


def remote_environment(remote: Remote, access: Access, marks: Path) -> Mapping[str, str]:
    """Return the environment for reaching a remote: the one protocol that is allowed, credentials, trust."""
    environment = {"GIT_ALLOW_PROTOCOL": remote.scheme}
    match remote.scheme:
        case "ssh":
            environment["GIT_SSH_COMMAND"] = _ssh_command(access, marks)
            environment["GIT_SSH_VARIANT"] = "ssh"
        case "https" | "http":
            environment["GIT_ALLOW_PROTOCOL"] = "https" if remote.scheme == "https" else "http:https"
            environment["RECONCILER_GIT_MARKS"] = str(marks)
            environment["RECONCILER_GIT_USERNAME"], environment["RECONCILER_GIT_PASSWORD"] = _login(remote, access)
        case "file":
            environment["GIT_CONFIG_GLOBAL"] = str(_trusting_config(remote, marks))
    return environment


def has_credentials(remote: Remote, access: Access) -> bool:
    """Whether there is anything to answer a remote that asks who we are."""
    return _login(remote, access) != ("", "")


def _login(remote: Remote, access: Access) -> tuple[str, str]:
    password = access.password or remote.password
    return access.username or remote.username or ("git" if password else ""), password


def known_hosts_files(access: Access) -> tuple[Path, ...]:
    """Return where keys of ssh hosts are looked up."""
    if access.known_hosts is not None:
        return (access.known_hosts,)
    return (Path("~/.ssh/known_hosts").expanduser(), Path("/etc/ssh/ssh_known_hosts"))


def _ssh_command(access: Access, marks: Path) -> str:
    mark = shlex.quote(str(marks / MARK_AUTHENTICATED)).replace("%", "%%")
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=yes",
        f"LocalCommand=: > {mark}",
        f"ConnectTimeout={_CONNECT_S}",
        "ServerAliveInterval=10",
        "ServerAliveCountMax=3",
        "ControlPath=none",
    ]
    if access.known_hosts is not None:
        options += [f"UserKnownHostsFile={_ssh_path(access.known_hosts)}", "GlobalKnownHostsFile=none"]
    command = ["ssh", "-F", "none"]
    if access.ssh_key is not None:
        options += ["IdentitiesOnly=yes", "IdentityAgent=none", f"IdentityFile={_ssh_path(access.ssh_key)}"]
    for option in options:
        command += ["-o", option]
    return shlex.join(command)


def _ssh_path(path: Path) -> str:
    escaped = str(path.absolute()).replace("%", "%%")
    return f'"{escaped}"'


def _trusting_config(remote: Remote, marks: Path) -> Path:
    """Write the one setting that git's local server reads: the repository may belong to another user."""
    file = marks / "gitconfig"
    quoted = remote.path.replace("\\", "\\\\").replace('"', '\\"')
    # The server may see the work tree's root or the bare directory, and resolves links: name each.
    directories = {
        quoted,
        f"{quoted}/.git",
        os.path.realpath(remote.path),
        os.path.realpath(f"{remote.path}/.git"),
    }
    file.write_text("[safe]\n" + "".join(f'\tdirectory = "{directory}"\n' for directory in sorted(directories)))
    return file


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
