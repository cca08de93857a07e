"""What takes minutes: `make test-slow`."""

from statistics import median
from time import process_time

_TURNS = 1_000_000
_USUAL_SECONDS = 0.04


def slowness() -> float:
    """How many times as long as usual this machine takes for an empty loop at this moment; at least 1.

    Bounds in seconds are those of a machine at its usual speed: beside others' work it may be half as fast.
    """
    took = []
    for _ in range(5):
        began = process_time()
        for _ in range(_TURNS):
            pass
        took.append(process_time() - began)
    return max(median(took) / _USUAL_SECONDS, 1.0)
