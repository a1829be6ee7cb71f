"""A fixture for tests of kernels in C: without a compiler they are skipped, but not in CI."""

from __future__ import annotations

import os

import pytest

from askattend.native.library import library, missing_library


@pytest.fixture(autouse=True)
def compiled() -> None:
    if library() is None:
        reason = f"no kernels: {missing_library()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
