"""The door to the Docker Engine, and the only importer of its SDK.

Effect: each method is one request with a deadline. The SDK negotiates the version, tells about the host and
carries images (pull, import); the calls of every tick go over kept-alive connections of our own, because the
SDK adds about half a millisecond to each (see docs/decisions).
"""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import docker
import docker.errors
import requests.exceptions

from reconciler.executors.transport import (
    Deadline,
    EngineRefused,
    EngineSilent,
    Stream,
    Transport,
    answer,
)
from reconciler.model.base import Value
from reconciler.model.errors import ConfigurationError, DeadlineError

API_OLDEST = (1, 41)
"""Docker Engine 20.10. Newer Engines are spoken to in the oldest version that they still accept."""

_CALL_S = 10.0
_PULL_SILENCE_S = 300.0
_DEFAULT_URL = "unix:///var/run/docker.sock"


class EngineInfo(Value):
    """What the Engine says about itself and its host."""

    version: str
    api_version: str
    live_restore: bool
    cpu_count: int
    memory_bytes: int
    root_dir: str
    architecture: str
    cgroup_version: str
    cgroup_driver: str
    kernel: str
    os_name: str


class ExecResult(Value):
    """How a command inside a container ended. `output` is cut."""

    exit_code: int
    output: str


class ExecStreams(Value):
    """Which of a command's streams are connected."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False


_OUTPUT_ONLY = ExecStreams()


class Engine:
    """One Docker Engine on a Unix socket; safe to use from many threads."""

    def __init__(self, url: str = _DEFAULT_URL, *, timeout_s: float = _CALL_S) -> None:
        scheme, _, path = url.partition("://")
        if scheme != "unix" or not path.startswith("/"):
            raise ConfigurationError(f"the Engine's address {url!r} is not unix:///PATH")
        self._url = url
        self._timeout_s = timeout_s
        self._transport = Transport(path)
        self._lock = threading.Lock()
        self._version = ""
        self._replaced = 0

    # --- through the SDK --------------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """Ask the Engine about itself."""
        api = self._negotiated()
        with _SdkErrors(), self._sdk(api, self._timeout_s) as client:
            said = client.info()
        return EngineInfo(
            version=str(said.get("ServerVersion", "")),
            api_version=api,
            live_restore=bool(said.get("LiveRestoreEnabled")),
            cpu_count=int(said.get("NCPU", 0)),
            memory_bytes=int(said.get("MemTotal", 0)),
            root_dir=str(said.get("DockerRootDir", "")),
            architecture=str(said.get("Architecture", "")),
            cgroup_version=str(said.get("CgroupVersion", "")),
            cgroup_driver=str(said.get("CgroupDriver", "")),
            kernel=str(said.get("KernelVersion", "")),
            os_name=str(said.get("OperatingSystem", "")),
        )

    def ping(self, timeout_s: float = 2.0) -> bool:
        """Whether the Engine answers within the time."""
        try:
            with _SdkErrors(), self._sdk(f"{API_OLDEST[0]}.{API_OLDEST[1]}", timeout_s) as client:
                client.ping()
        except EngineSilent:
            return False
        except EngineRefused:
            return True
        return True

    def pull(
        self, reference: str, credentials: Mapping[str, str] | None, deadline: Deadline
    ) -> Iterator[dict[str, Any]]:
        """Pull one image; yield the Engine's progress to its end. Its errors inside the stream are yielded too."""
        repository, tag = split_reference(reference)
        with _SdkErrors(), self._sdk(self._negotiated(), min(max(deadline.left_s, 0.001), _PULL_SILENCE_S)) as client:
            auth = dict(credentials) if credentials is not None else None
            for event in client.pull(repository, tag=tag, stream=True, decode=True, auth_config=auth):
                if deadline.passed:
                    raise DeadlineError(f"pulling {reference} took too long")
                yield event

    def import_image(self, archive: bytes, repository: str, tag: str, changes: list[str]) -> None:
        """Make an image from a tar archive."""
        with _SdkErrors(), self._sdk(self._negotiated(), 60.0) as client:
            client.import_image_from_data(archive, repository=repository, tag=tag, changes=changes)

    def renegotiate(self) -> None:
        """Forget the version: the Engine may have been replaced by another."""
        with self._lock:
            self._version = ""
            self._replaced += 1

    @property
    def socket_path(self) -> str:
        """Where the Engine listens."""
        return self._transport.path

    def close(self) -> None:
        """Free the connections."""
        self._transport.close()

    # --- over our own connections -----------------------------------------------------------------------

    def list_containers(self, label: str) -> list[dict[str, Any]]:
        """Return all containers, running or not, that carry `label` (`key=value`)."""
        found = self._get("/containers/json", {"all": "1", "filters": json.dumps({"label": [label]})})
        return list(found or ())

    def inspect_container(self, container: str) -> dict[str, Any] | None:
        """Return everything about a container (by id or name), or None when there is no such."""
        return self._find(f"/containers/{quote(container)}/json")

    def create_container(self, name: str, body: Mapping[str, Any], timeout_s: float) -> str:
        """Create a container and return its id."""
        created = self._post("/containers/create", {"name": name}, dict(body), timeout_s)
        return str(created["Id"])

    def update_container(self, container: str, settings: Mapping[str, Any], timeout_s: float) -> None:
        """Change what a container may use, running or not."""
        self._post(f"/containers/{container}/update", {}, dict(settings), timeout_s)

    def memory_used(self, container: str, timeout_s: float) -> int:
        """Return the bytes of memory that a running container uses and that cannot be taken back from it."""
        query = {"stream": "false", "one-shot": "true"}
        said = self._call("GET", f"/containers/{container}/stats", query, None, timeout_s).get("memory_stats") or {}
        stats = said.get("stats") or {}
        idle = stats.get("inactive_file", stats.get("total_inactive_file", 0))
        return max(0, int(said.get("usage") or 0) - int(idle))

    def start_container(self, container: str, timeout_s: float) -> None:
        """Start a container; one that runs already is left as it is."""
        self._post(f"/containers/{container}/start", {}, None, timeout_s)

    def stop_container(self, container: str, grace_s: int, timeout_s: float) -> None:
        """Send its stop signal, and KILL once the grace is over; return when it has ended."""
        self._post(f"/containers/{container}/stop", {"t": str(grace_s)}, None, timeout_s)

    def kill_container(self, container: str) -> None:
        """Send KILL."""
        self._post(f"/containers/{container}/kill", {"signal": "KILL"}, None, self._timeout_s)

    def unpause_container(self, container: str) -> None:
        """Let a paused container go on."""
        self._post(f"/containers/{container}/unpause", {}, None, self._timeout_s)

    def remove_container(self, container: str, *, force: bool, timeout_s: float) -> None:
        """Remove a container with the anonymous volumes its image declared."""
        query = {"v": "1", "force": "1" if force else "0"}
        self._call("DELETE", f"/containers/{container}", query, None, timeout_s)

    def wait_container(self, container: str, deadline: Deadline) -> None:
        """Return once the container has ended, or the deadline has passed."""
        try:
            self._call("POST", f"/containers/{container}/wait", {}, None, deadline.left_s)
        except EngineSilent:
            if not deadline.passed:
                raise

    def list_images(self) -> list[dict[str, Any]]:
        """Return all tagged images."""
        return list(self._get("/images/json", {}) or ())

    def inspect_image(self, reference: str) -> dict[str, Any] | None:
        """Return everything about an image, or None when it is not on the host."""
        return self._find(f"/images/{quote(reference)}/json")

    def remove_image(self, reference: str, timeout_s: float) -> None:
        """Remove a name of an image, and with its last one the image; refused while a container is made from it."""
        self._call("DELETE", f"/images/{quote(reference)}", {"force": "false", "noprune": "false"}, None, timeout_s)

    def containers_of(self, image_id: str) -> list[dict[str, Any]]:
        """Return all containers, anybody's, running or not, that are made from an image or from one built on it."""
        query = {"all": "1", "filters": json.dumps({"ancestor": [image_id]})}
        return list(self._get("/containers/json", query) or ())

    def written_sizes(self, label: str, timeout_s: float) -> dict[str, int]:
        """Return how many bytes each container that carries `label` wrote outside of volumes, by id."""
        query = {"all": "1", "size": "1", "filters": json.dumps({"label": [label]})}
        found = self._call("GET", "/containers/json", query, None, timeout_s) or ()
        return {str(one["Id"]): int(one.get("SizeRw") or 0) for one in found}

    def exec_create(
        self, container: str, command: tuple[str, ...], deadline: Deadline, streams: ExecStreams = _OUTPUT_ONLY
    ) -> str:
        """Prepare a command inside a container and return the exec's id."""
        body = {
            "Cmd": list(command),
            "AttachStdin": streams.stdin,
            "AttachStdout": streams.stdout,
            "AttachStderr": streams.stderr,
            "Tty": streams.tty,
        }
        made = self._post(f"/containers/{container}/exec", {}, body, deadline.left_s)
        return str(made["Id"])

    def exec_start(self, exec_id: str, deadline: Deadline, *, tty: bool = False) -> Stream:
        """Run a prepared command; the stream carries its output, multiplexed unless it has a terminal."""
        return self._stream("POST", f"/exec/{exec_id}/start", {}, {"Detach": False, "Tty": tty}, deadline)

    def exec_resize(self, exec_id: str, width: int, height: int, deadline: Deadline) -> None:
        """Tell the size of a command's terminal."""
        query = {"w": str(width), "h": str(height)}
        self._call("POST", f"/exec/{exec_id}/resize", query, None, deadline.left_s)

    def exec_inspect(self, exec_id: str) -> dict[str, Any]:
        """Return a command's state: Running, ExitCode, Pid."""
        return dict(self._get(f"/exec/{exec_id}/json", {}))

    def attach(self, container: str, query: Mapping[str, str], deadline: Deadline) -> Stream:
        """Connect to the streams of a container's own process."""
        return self._stream("POST", f"/containers/{container}/attach", query, {}, deadline)

    def resize_terminal(self, container: str, width: int, height: int, deadline: Deadline) -> None:
        """Tell the size of the terminal of a container's own process."""
        query = {"w": str(width), "h": str(height)}
        self._call("POST", f"/containers/{container}/resize", query, None, deadline.left_s)

    def events(self, filters: str) -> Stream:
        """Open the stream of events; `filters` is the Engine's JSON."""
        return self._stream("GET", "/events", {"filters": filters}, None, Deadline(self._timeout_s))

    def logs(self, container: str, query: Mapping[str, str], deadline: Deadline) -> Stream:
        """Open a container's log."""
        return self._stream("GET", f"/containers/{container}/logs", query, None, deadline)

    # --- one level down ---------------------------------------------------------------------------------

    def _find(self, target: str) -> dict[str, Any] | None:
        try:
            return dict(self._get(target, {}))
        except EngineRefused as error:
            if error.status == 404:
                return None
            raise

    def _get(self, target: str, query: Mapping[str, str]) -> Any:
        return self._call("GET", target, query, None, self._timeout_s)

    def _post(self, target: str, query: Mapping[str, str], body: Any, timeout_s: float) -> Any:
        return self._call("POST", target, query, body, timeout_s)

    def _call(self, method: str, target: str, query: Mapping[str, str], body: Any, timeout_s: float) -> Any:
        target = f"/v{self._negotiated()}{target}"
        status, said = self._transport.call(method, target, query, body, Deadline(timeout_s))
        return answer(status, said)

    def _stream(self, method: str, target: str, query: Mapping[str, str], body: Any, deadline: Deadline) -> Stream:
        return self._transport.stream(method, f"/v{self._negotiated()}{target}", query, body, deadline)

    def _negotiated(self) -> str:
        with self._lock:
            known, asked = self._version, self._replaced
        if known:
            return known
        # Each for itself: behind an Engine that hangs, nobody waits for the time of the others too.
        with _SdkErrors(), self._sdk(f"{API_OLDEST[0]}.{API_OLDEST[1]}", self._timeout_s) as client:
            said = client.version(api_version=False)
        version = choose_version(str(said["ApiVersion"]), str(said.get("MinAPIVersion", "1.12")))
        with self._lock:
            if asked == self._replaced:
                self._version = version
        return version

    def _sdk(self, version: str, timeout_s: float) -> "_Client":
        return _Client(self._url, version, timeout_s)


class _Client:
    """An SDK client that is closed in the end: one for each use, since its timeout is fixed."""

    def __init__(self, url: str, version: str, timeout_s: float) -> None:
        self._client = docker.APIClient(base_url=url, version=version, timeout=timeout_s)  # type: ignore[arg-type]

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


class _SdkErrors:
    """Turn the SDK's exceptions into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case docker.errors.APIError():
                status = error.status_code or 500
                raise EngineRefused(status, str(error.explanation or error)) from error
            case docker.errors.DockerException() | requests.exceptions.RequestException():
                raise EngineSilent(f"the Engine does not answer: {_why(error)}") from error
            case _:
                return


def _why(error: BaseException) -> str:
    """Return what the system said: the libraries between keep it as the cause of their errors."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror.lower()
        seen = seen.__cause__ or seen.__context__
    return "not in time" if isinstance(error, requests.exceptions.Timeout) else type(error).__name__


def choose_version(newest: str, oldest: str) -> str:
    """Return the API version to speak to an Engine that speaks `oldest` to `newest`."""
    if _numbers(newest) < API_OLDEST:
        raise ConfigurationError(
            f"the Engine speaks API {newest}, at least {API_OLDEST[0]}.{API_OLDEST[1]} is needed",
            reason="EngineTooOld",
            hint="install Docker Engine 20.10 or newer",
        )
    chosen = max(API_OLDEST, _numbers(oldest))
    return f"{chosen[0]}.{chosen[1]}"


def split_reference(reference: str) -> tuple[str, str]:
    """Return repository and tag (or digest) of an image reference; without one it is `latest`."""
    if "@" in reference:
        name, _, digest = reference.partition("@")
        head, slash, last = name.rpartition("/")
        return f"{head}{slash}{last.partition(':')[0]}", digest
    head, slash, last = reference.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", tag or "latest"


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)
