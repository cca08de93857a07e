"""How much a test tries: `make test` is quick enough to run while one thinks, `make test-slow` tries what takes minutes.

`RAPPORTEUR_TEST_DEPTH` is `quick`, `slow` (as `make test-slow` sets it) or `deeper`, which takes an hour.
"""

from os import environ
from typing import TypeVar

import pytest

Tries = TypeVar("Tries")

slow = pytest.mark.slow
"""Only in `make test-slow`."""
thorough = pytest.mark.thorough
"""In both; it tries more in `make test-slow`."""
alone = pytest.mark.alone
"""Only in `make test-slow`, and while no other test runs, because it measures the computing or the memory of a server."""

DEPTHS = ("quick", "slow", "deeper")
_DEPTH = DEPTHS.index(environ.get("RAPPORTEUR_TEST_DEPTH", "quick"))


def tries(quick: Tries, slow: Tries, deeper: Tries | None = None) -> Tries:
    """As much as is to be tried."""
    return (quick, slow, slow if deeper is None else deeper)[_DEPTH]
