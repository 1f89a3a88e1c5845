"""Which endpoints serve a port of a Service. Pure: one rule for the planner and for who programs a host."""

from collections.abc import Callable

from reconciler.model.node import Endpoint, ServiceEntry, ServicePortEntry


def _any(_: Endpoint) -> bool:
    return True


def serving_endpoints(
    service: ServiceEntry, port: ServicePortEntry, counts: Callable[[Endpoint], bool] = _any
) -> tuple[tuple[Endpoint, int], ...]:
    """Return the endpoints that a port leads to, with their ports: ready ones, else those that still serve while they
    end. Only those that count are chosen from.
    """
    every = [(one, target.port) for target in port.targets for one in target.endpoints if counts(one)]
    chosen = [pair for pair in every if _is_ready(service, pair[0])]
    return tuple(chosen or [pair for pair in every if pair[0].serving and pair[0].terminating])


def serving_backends(service: ServiceEntry, port: ServicePortEntry) -> tuple[tuple[str, int], ...]:
    """Return the addresses and ports that a port leads to, in ascending order."""
    return tuple(sorted({(one.ip, number) for one, number in serving_endpoints(service, port)}, key=backend_order))


def backend_order(backend: tuple[str, int]) -> tuple[int, ...]:
    """Return what backends are ordered by."""
    return (*map(int, backend[0].split(".")), backend[1])


def _is_ready(service: ServiceEntry, endpoint: Endpoint) -> bool:
    return service.publish_not_ready or (endpoint.ready and not endpoint.terminating)
