"""Commands in a pipe: one JSON value on standard output, all else beside it, a status to go by."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from askattend.cli import COMMANDS
from commands import Call, train_command

# They print what is neither a result nor a figure: logs of a service, a script for a shell.
WITHOUT = ("serve", "completion")
COMMANDS_DOCS = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in WITHOUT])
def test_every_command_has_json(command: str, call: Call) -> None:
    form = {"train": ["saaa"], "import": ["hdf5"], "trace": ["saaa"]}.get(command, [])
    assert "--json" in call(command, *form, "--help")[1]


def test_training_and_what_follows_print_one_value_each(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    def of(*words: object) -> Any:
        status, out, err = call(*words, "--json")
        assert status == 0, err
        return json.loads(out)

    out = tmp_path / "run"
    told = of(*train_command("saaa", trained / "squares.csv", out))
    assert (told["run"], told["network"], told["epochs"]) == (str(out), "saaa", 2)
    assert 0 <= told["valid_accuracy"] <= 1
    assert told["metric"] == "exact match"
    packed = of("pack", out, tmp_path / "run.zip")
    assert packed["bytes"] == (tmp_path / "run.zip").stat().st_size
    store = tmp_path / "store"
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.png").write_bytes((trained / "square 0.png").read_bytes())
    (photos / "b.png").write_bytes(b"no picture")
    extracted = of("extract", photos, "--out", store, "--image-size", "64")
    assert (extracted["images"], extracted["done"], extracted["already"]) == (1, 1, 0)
    assert extracted["broken"].keys() == {"b.png"}
    assert of("doctor")["cached"] is not None


def test_imports_print_one_value(
    log_file: Path, features_file: Path, tmp_path: Path, call: Call
) -> None:
    for kind, file, key in (("pytorch-vqa", log_file, "run"), ("hdf5", features_file, "store")):
        status, out, _ = call("import", kind, file, "--out", tmp_path / kind, "--json")
        assert (status, json.loads(out)[key]) == (0, str(tmp_path / kind))


def test_statuses_are_those_of_the_page(run: Path, own: Path, tmp_path: Path, call: Call) -> None:
    """130 and 143, of what is interrupted, are tested with the signals."""
    text = COMMANDS_DOCS.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE))
    assert rows.keys() == {"0", "1", "2", "130", "143"}
    assert call("verify", run)[0] == 0
    (own / "runs" / "saaa" / "words.json").write_text("{}")
    assert call("verify", own / "runs" / "saaa")[0] == 1
    assert call("verify", tmp_path / "nowhere")[0] == 2
    assert call("verify", "--nonsense")[0] == 2
