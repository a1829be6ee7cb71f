"""The home folder is written as ~, and found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.environment.home import expanded, shortened


@pytest.fixture(autouse=True)
def _ann(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("/home/ann/q.csv", "~/q.csv"),
        ("/home/ann", "~"),
        ("table:/home/ann/a b/q.csv", "table:~/a b/q.csv"),
        ("daquar:/home/ann/d,answers=single", "daquar:~/d,answers=single"),
        ("hf:/home/ann/resnet", "hf:~/resnet"),
        ("/home/anna/q.csv", "/home/anna/q.csv"),
        ("/mnt/home/ann/q.csv", "/mnt/home/ann/q.csv"),
        ("/home/ann.old/q.csv", "/home/ann.old/q.csv"),
        ("scenes:images=12,size=64", "scenes:images=12,size=64"),
    ],
)
def test_there_and_back(long: str, short: str) -> None:
    assert shortened({"a": [long, 3], "b": None}) == {"a": [short, 3], "b": None}
    assert expanded({"a": (short,)}) == {"a": (long,)}


@given(st.text(), st.text())
def test_nothing_is_lost(before: str, after: str) -> None:
    path = f"table:/home/ann/{after}"
    assert expanded(shortened(path)) == path
    assert "/home/ann/" not in shortened(f"see /home/ann/{before.replace('/home/ann', '')} there")


def test_a_home_that_is_the_root_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert shortened("/data/q.csv") == "/data/q.csv"
    assert Path(expanded("~/x")) == Path("~/x")
