"""Finding evaluations, and what is said where runs to be compared lack one."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from askattend.errors import AskAttendError, DataError, RunError
from askattend.scoring.comparison import compare_paths
from askattend.scoring.evaluated_runs import find_evaluation
from askattend.scoring.evaluation_folders import evaluations_of
from askattend.scoring.several import compare_many
from scoring.cases import save_evaluation, save_table, table_rows, with_data


def test_the_only_evaluation_is_found(tmp_path: Path) -> None:
    run = save_evaluation(tmp_path / "run", [1.0])
    test = run / "evaluations" / "test"
    assert find_evaluation(run, None) == find_evaluation(run, "test") == test
    assert find_evaluation(test, None) == test
    test.rename(valid := test.with_name("valid"))
    assert find_evaluation(run, None) == valid
    shutil.copytree(valid, valid.with_name("birds-0a1b2c-test"))
    assert [folder.name for folder in evaluations_of(run)] == ["birds-0a1b2c-test", "valid"]
    with pytest.raises(RunError, match="It was on: birds-0a1b2c-test, valid"):
        find_evaluation(run, None)


def test_the_command_that_is_named_can_work(tmp_path: Path) -> None:
    source = save_table(tmp_path, table_rows("train", "train"))
    run = with_data(tmp_path / "run", source)
    with pytest.raises(RunError, match=f"askattend evaluate {run} --split valid"):
        find_evaluation(run, None)
    save_table(tmp_path, table_rows("train", "test"))
    with pytest.raises(RunError, match=f"askattend evaluate {run} --split test"):
        find_evaluation(run, None)


def evaluated(folder: Path, source: str, *splits: str) -> Path:
    """Save a run that was evaluated on some splits of its data."""
    run = with_data(save_evaluation(folder, [1.0, 0.0]), source)
    test = run / "evaluations" / "test"
    metrics = json.loads((test / "metrics.json").read_text())
    for split in {*splits} - {"test"}:
        shutil.copytree(test, other := test.with_name(split))
        (other / "metrics.json").write_text(json.dumps(metrics | {"split": split}))
    if "test" not in splits:
        shutil.rmtree(test)
    return run


def told(*runs: Path, split: str | None = None, data: str | None = None) -> str:
    with pytest.raises(AskAttendError) as error:
        compare_many(runs, split=split, data=data)
    if len(runs) == 2:
        with pytest.raises(type(error.value)) as of_two:
            compare_paths(*runs, split=split, data=data)
        assert str(of_two.value) == str(error.value)
    return str(error.value)


@pytest.fixture
def no_test(tmp_path: Path) -> str:
    """Name a source whose questions have no test split."""
    return save_table(tmp_path, table_rows("train", "train"))


def test_a_split_that_all_share_is_named(tmp_path: Path, no_test: str) -> None:
    one = evaluated(tmp_path / "one", no_test, "test", "train", "valid")
    other = evaluated(tmp_path / "other", no_test, "train", "valid")
    assert told(one, other) == (
        f"{other}: not evaluated on 'test' yet. It was on: train, valid. Its data have no 'test'. "
        "Add --split valid: all were evaluated on it."
    )
    assert compare_paths(one, other, split="valid").split == "valid"
    third = evaluated(tmp_path / "third", no_test, "test", "train")
    assert "Add --split train: all" in told(one, other, third)


def test_all_that_lack_an_evaluation_are_named_at_once(tmp_path: Path) -> None:
    source = save_table(tmp_path, table_rows("train", "test"))
    done = evaluated(tmp_path / "done", source, "test")
    fresh = [with_data(tmp_path / name, source) for name in ("a", "b c")]
    error = told(done, *fresh)
    assert error.startswith(f"{fresh[0]}, {fresh[1]}: not evaluated on 'test' yet. Run: ")
    for run in fresh:
        assert f"askattend evaluate {shlex.quote(str(run))} --split test" in error
    assert f"evaluate {done}" not in error
    data = told(done, *fresh, data=source)
    assert data.count(f"--split test --data {source}") == len(fresh)


def test_a_run_that_is_named_twice_is_told_once(tmp_path: Path) -> None:
    fresh = with_data(tmp_path / "fresh", "gone:")
    with pytest.raises(RunError) as error:
        compare_paths(fresh, fresh)
    assert str(error.value) == (
        f"{fresh}: not evaluated on 'test' yet. Run: askattend evaluate {fresh} --split test"
    )


def test_no_split_is_named_that_the_data_are_without(tmp_path: Path, no_test: str) -> None:
    done = evaluated(tmp_path / "done", "gone:", "test")
    lacking = with_data(tmp_path / "lacking", no_test)
    both = f"askattend evaluate {done} --split valid && askattend evaluate {lacking} --split valid"
    for split in (None, "test"):
        error = told(done, lacking, split=split)
        assert "Its data have no 'test'." in error
        assert error.endswith(f"Run: {both}, then add --split valid")
    # A run that is found on its only split has none of another either.
    found, fresh = evaluated(tmp_path / "found", no_test, "valid"), tmp_path / "fresh"
    error = told(found, with_data(fresh, "gone:"))
    assert f"The data of {found} have no 'test'. Run: askattend evaluate {fresh} --spl" in error
    assert error.endswith("--split valid, then add --split valid")
    # Of data with neither, nothing could be run.
    assert "No split is common to all" in told(
        done / "evaluations" / "test", lacking, split="other"
    )


def test_runs_found_on_different_splits_are_told_what_they_share(tmp_path: Path) -> None:
    one = evaluated(tmp_path / "one", "gone:", "test", "valid")
    other = evaluated(tmp_path / "other", "gone:", "valid")
    with pytest.raises(DataError, match="different splits: test and valid"):
        compare_paths(one, other)
    assert "Add --split valid: all were evaluated on it." in told(one, other)
    shutil.rmtree(one / "evaluations" / "valid")
    assert told(one, other).endswith(f"Run: askattend evaluate {other} --split test")
    # The folder of an evaluation is of its split alone, whatever its data have.
    error = told(other / "evaluations" / "valid", with_data(tmp_path / "fresh", "gone:"))
    assert "have no" not in error
    assert error.endswith(
        f"Run: askattend evaluate {tmp_path / 'fresh'} --split valid, then add --split valid"
    )
