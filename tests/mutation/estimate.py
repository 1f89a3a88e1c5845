"""What some of many faults, drawn by chance, tell of them all. Pure."""

# So many standard deviations hold 19 times of 20.
_Z = 1.96


def bounds(hits: int, tried: int, count: int) -> tuple[float, float]:
    """Return between which shares that of all hits is, when some of all were tried: Wilson's interval."""
    # What is tried of a finite number says more than of an infinite one.
    z2 = _Z**2 * (count - tried) / max(count - 1, 1)
    share = hits / tried
    middle = (share + z2 / (2 * tried)) / (1 + z2 / tried)
    reach = (z2 * (share * (1 - share) / tried + z2 / (4 * tried**2))) ** 0.5 / (1 + z2 / tried)
    return middle - reach, middle + reach
