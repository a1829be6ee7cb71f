"""Shared fixtures; under the tests, every shape annotation is checked at run time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("askattend", "typechecking.checked")

# No test asserts a time, hypothesis' own deadline included.
settings.register_profile("askattend", deadline=None)
settings.load_profile("askattend")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data; skips where it is absent, fails where it is required."""
    folder = (ROOT / os.environ.get("ASKATTEND_SHARED", "../shared")).resolve()
    if not folder.is_dir():
        reason = f"no test data at {folder} (set ASKATTEND_SHARED)"
        if os.environ.get("ASKATTEND_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
