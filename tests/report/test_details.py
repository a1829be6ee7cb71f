"""What the report says of the run: a command that works where the run was named."""

from __future__ import annotations

from pathlib import Path

from askattend.report.details import repeating


def test_the_command_names_the_run_as_it_was_named() -> None:
    assert repeating(Path("runs/saaa 0"), "test") == (
        "askattend evaluate 'runs/saaa 0' --split test"
    )
    told = repeating(
        Path("x.zip"), "valid", data="daquar:/home/a/daquar,answers=single", abstain_above_risk=0.3
    )
    assert told == (
        "askattend evaluate x.zip --data daquar:daquar,answers=single --split valid "
        "--abstain-above-risk 0.3"
    )


def test_no_folder_of_the_machine_is_told() -> None:
    for run in (Path("/home/somebody/runs/saaa"), Path("../somebody/saaa")):
        assert repeating(run, "test", abstention=False) == (
            "askattend evaluate saaa --split test --no-abstention (in the folder that holds it)"
        )
