"""Probes and lifecycle hooks of containers."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta

from reconciler.model.base import Value
from reconciler.model.kinds.scalars import (
    SIGNAL_PATTERN,
    HeaderName,
    PortNumber,
    PortReference,
    Positive,
    PositiveSeconds,
    Seconds,
)

Scheme: TypeAlias = Literal["HTTP", "HTTPS"]
StopSignal: TypeAlias = Annotated[str, Meta(pattern=SIGNAL_PATTERN)]


class ExecAction(Value):
    """Runs a command inside the container; exit status 0 is success."""

    command: tuple[str, ...] = ()


class HTTPHeader(Value):
    """One header of an HTTP request."""

    name: HeaderName
    value: str = ""


class HTTPGetAction(Value):
    """Fetches a page; a status from 200 to 399 is success."""

    port: PortReference
    path: str = "/"
    host: str = ""
    scheme: Scheme = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Value):
    """Opens a TCP connection; being connected is success."""

    port: PortReference
    host: str = ""


class GRPCAction(Value):
    """Asks a gRPC health service."""

    port: PortNumber
    service: str = ""


class SleepAction(Value):
    """Waits."""

    seconds: Seconds


class Probe(Value):
    """Asks a container how it is, again and again."""

    exactly_one: ClassVar[tuple[str, ...]] = ("exec", "http_get", "tcp_socket", "grpc")

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    timeout_seconds: PositiveSeconds = 1
    period_seconds: PositiveSeconds = 10
    success_threshold: Positive = 1
    failure_threshold: Positive = 3
    termination_grace_period_seconds: PositiveSeconds | None = None


class LifecycleHandler(Value):
    """What a lifecycle hook does."""

    exactly_one: ClassVar[tuple[str, ...]] = ("exec", "http_get", "tcp_socket", "sleep")

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Value):
    """Hooks after a container's start and before its end, and the signal that asks it to end."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: StopSignal | None = None
