"""From what the Engine tells about a container to a fact.

Pure.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from reconciler.executors.container import labels
from reconciler.model.granted import PERIOD_US, Granted
from reconciler.model.node_report import ContainerFact

_HIDDEN_MIN = 3
_KILLED = 137
_GO_ESCAPES = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}
# What the Engine calls a state, and what it is here; anything else is a state of no Engine that we know.
_STATES = {
    "created": "created",
    "dead": "dead",
    "exited": "exited",
    "paused": "paused",
    "removing": "dead",
    "restarting": "running",
    "running": "running",
}


def container_fact(inspected: Mapping[str, Any], message: str = "") -> ContainerFact:
    """Return the fact of an inspected container of ours.

    One that could not be started stays `created` at the Engine for ever: it is told as exited, since that start is
    over.
    """
    state = inspected["State"]
    named = labels.labels_in(inspected)
    created_at = unix_seconds(inspected.get("Created"))
    failed = start_failed(inspected)
    return ContainerFact(
        id=str(inspected["Id"]),
        name=str(inspected["Name"]).lstrip("/"),
        role=named.get(labels.ROLE, ""),
        pod_uid=named.get(labels.POD_UID, ""),
        pod_namespace=named.get(labels.NAMESPACE, ""),
        pod_name=named.get(labels.POD, ""),
        container=named.get(labels.CONTAINER, ""),
        attempt=_number(named.get(labels.ATTEMPT, "0")),
        state="exited" if failed else _STATES.get(state["Status"], "unknown"),
        image=str(inspected["Config"].get("Image", "")),
        image_id=str(inspected.get("Image", "")),
        created_at=created_at,
        started_at=created_at if failed else unix_seconds(state.get("StartedAt")),
        finished_at=created_at if failed else _finished_at(state),
        exit_code=int(state.get("ExitCode", 0)),
        oom_killed=bool(state.get("OOMKilled")) and not _was_told_of_others(inspected),
        error=start_error(inspected),
        message=message,
        pid=int(state.get("Pid", 0)),
        sandbox=_sandbox(inspected),
        granted=_granted(inspected.get("HostConfig") or {}),
        spec_digest=named.get(labels.SPEC_DIGEST, ""),
        labels=named,
    )


def start_failed(inspected: Mapping[str, Any]) -> bool:
    """Whether the Engine tried to start this container and could not."""
    state = inspected["State"]
    return state["Status"] == "created" and bool(state.get("ExitCode") or state.get("Error"))


def start_error(inspected: Mapping[str, Any]) -> str:
    """Return what the Engine said about a failed start, without values of the environment."""
    return hide_values(str(inspected["State"].get("Error", "")), inspected["Config"].get("Env") or ())


def hide_values(text: str, environment: Iterable[str]) -> str:
    """Put names for values of an environment (`NAME=value`): a Secret's may have been expanded into a command (P22).

    The Engine quotes what it repeats, so values with quotes, backslashes or line ends look otherwise there.
    """
    pairs = [pair.partition("=")[::2] for pair in environment]
    for name, value in sorted(pairs, key=lambda pair: -len(pair[1])):
        if len(value) >= _HIDDEN_MIN:
            for form in (_quoted(value), value):
                text = text.replace(form, f"$({name})")
    return text


def _quoted(value: str) -> str:
    """Return a text as Go quotes it, without the quotes around."""
    return "".join(_GO_ESCAPES.get(one) or (one if one.isprintable() else _go_escape(ord(one))) for one in value)


def _go_escape(code: int) -> str:
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unix_seconds(text: str | None) -> float:
    """Return the Engine's time (RFC 3339 with nanoseconds) as Unix seconds; the year 1 means never, 0."""
    if not text or text.startswith("0001-"):
        return 0.0
    head, _, rest = text.partition(".")
    digits = rest.rstrip("Z").partition("+")[0].partition("-")[0]
    zone = rest[len(digits) :] or ("" if head.endswith("Z") else "Z")
    return datetime.fromisoformat(head + zone).timestamp() + (float(f"0.{digits}") if digits else 0.0)


def _finished_at(state: Mapping[str, Any]) -> float:
    # A running container still tells when its previous run ended.
    return 0.0 if state.get("Running") else unix_seconds(state.get("FinishedAt"))


def _sandbox(inspected: Mapping[str, Any]) -> str:
    mode = str((inspected.get("HostConfig") or {}).get("NetworkMode", ""))
    return mode.removeprefix("container:") if mode.startswith("container:") else ""


def _was_told_of_others(inspected: Mapping[str, Any]) -> bool:
    """Whether memory ran out in the Pod's group, and the process that was killed was not the container's own.

    Control groups of version 1 tell all groups below the one that is full.
    """
    settings = inspected.get("HostConfig") or {}
    return bool(settings.get("CgroupParent")) and int(inspected["State"].get("ExitCode", 0)) != _KILLED


def _granted(settings: Mapping[str, Any]) -> Granted:
    quota, period = int(settings.get("CpuQuota") or 0), int(settings.get("CpuPeriod") or 0)
    return Granted(
        cpu_shares=int(settings.get("CpuShares") or 0),
        cpu_quota_us=quota * PERIOD_US // (period or PERIOD_US) if quota > 0 else 0,
        memory_bytes=int(settings.get("Memory") or 0),
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
