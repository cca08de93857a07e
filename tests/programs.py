"""Programs that some slow tests need and that are no Python packages."""

import os
import shutil

import pytest

REQUIRED = "RAPPORTEUR_TEST_PROGRAMS"
"""If this variable is set, a test fails where its program is missing, instead of being skipped: so in `.ci/run`."""


def program(name: str, *, optional: bool = False) -> str:
    """The path of a program. Skips the test where it is not installed; an `optional` one is never required."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        if REQUIRED in os.environ and not optional:
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found
