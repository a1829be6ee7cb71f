"""Errors are the same in another process."""

from __future__ import annotations

import pickle

import pytest

from askattend.errors import AskAttendError, DataError, ServiceError, UntrustedCodeError

CASES = (
    DataError("cannot be read", where="s3://x", remedy="Try again."),
    ServiceError("is too busy", status=503, request_id="r"),
    UntrustedCodeError("own.py", "Own", "digest"),
)


@pytest.mark.parametrize("error", CASES, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_in_another_process(error: AskAttendError) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert str(there) == str(error)
    assert vars(there) == vars(error)
