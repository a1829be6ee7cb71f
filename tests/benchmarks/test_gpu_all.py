"""All figures of a GPU, small and on a processor."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks import gpu_all


@pytest.mark.filterwarnings("ignore")
def test_it_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gpu_all.json"
    gpu_all.main(["--quick", "--out", str(out)])
    rows = [
        msgspec.convert(row, gpu_all.Row) for row in msgspec.json.decode(out.read_bytes())["rows"]
    ]
    assert [row.error for row in rows if row.error] == []
    assert len(rows) == 14
    assert all(row.ours and row.ours > 0 for row in rows)
    assert all(row.name in capsys.readouterr().out for row in rows[:1])


def test_a_row_that_fails_keeps_its_traceback() -> None:
    def fail() -> gpu_all.Measured:
        raise ValueError("out of luck")

    row = gpu_all._row("a", "ms", fail)
    assert row.ours is None
    assert "out of luck" in row.error


def test_no_row_begins_after_the_limit(tmp_path: Path) -> None:
    out = tmp_path / "gpu_all.json"
    gpu_all.main(["--quick", "--seconds-limit", "0", "--out", str(out)])
    assert {row["error"] for row in msgspec.json.decode(out.read_bytes())["rows"]} == {
        "no time was left"
    }
