"""The limits of a rolling update as numbers of Pods. Pure."""

import math

from reconciler.model.kinds import Deployment


def limits_of(deployment: Deployment) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable as numbers of Pods: surge rounds up, unavailable down, never both zero.

    Without a rolling update there is neither.
    """
    if deployment.spec.strategy.type != "RollingUpdate":
        return 0, 0
    rolling = deployment.spec.strategy.rolling_update
    replicas = deployment.spec.replicas
    surge = count_of(rolling.max_surge, replicas, up=True)
    unavailable = count_of(rolling.max_unavailable, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, replicas)


def new_size(deployment: Deployment, total: int, new: int) -> int:
    """Return how many Pods the current ReplicaSet is to have, of `total` in all and `new` of its own: never fewer.

    It grows as far as maxSurge has room.
    """
    wanted = deployment.spec.replicas
    room = wanted + limits_of(deployment)[0] - total
    return new + max(min(room, wanted - new), 0)


def count_of(value: int | str, replicas: int, *, up: bool) -> int:
    """Return a number or percentage of `replicas` as a number, rounded up or down."""
    if isinstance(value, int):
        return value
    exact = int(value.rstrip("%")) * replicas
    return math.ceil(exact / 100) if up else exact // 100
