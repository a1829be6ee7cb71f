"""Cells of CSV: what goes in comes out, and none is a formula."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.bulk.csv_lines import csv_line, harmless

texts = st.text(st.sampled_from("=+-@;,\t\r\n\"'a1 "), max_size=12)


@given(st.lists(texts, min_size=1, max_size=4))
def test_no_cell_begins_as_a_formula_whatever_divides(cells: list[str]) -> None:
    line = csv_line(cells).decode()
    for sign in ",;\t":
        for row in csv.reader(io.StringIO(line, newline=""), delimiter=sign):
            for cell in row:
                begins = cell.strip().lstrip('"').strip()[:1]
                assert not begins or begins not in "=+-@"
    (read,) = csv.reader(io.StringIO(line, newline=""))
    for cell, text in zip(read, cells, strict=True):
        assert cell.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", ["red", "3", "1.5", "a=b", "a-b", "e@x.org", "'=1"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", " =1", "\t=1", '"=1', "＝1+1", "\r=1"],
)
def test_what_is_one_gets_an_apostrophe(text: str) -> None:
    assert harmless(text).startswith("'")
    assert "'=1" in harmless(f"red;{'=1'}")
