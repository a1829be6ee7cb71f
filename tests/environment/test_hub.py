"""Runs by name: pushed to a hub and fetched from it they answer alike; what fails is said."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from askattend.environment.hub import fetch, is_named, named_run
from askattend.errors import RunError
from askattend.runs.predictor import Predictor
from commands import Call
from environment.pointing import point_to
from environment.stub_hub import COMMIT, Hub, running_hub

huggingface_hub = pytest.importorskip("huggingface_hub")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as hub:
        point_to(hub.address, tmp_path, monkeypatch)
        yield hub


def test_a_run_that_was_pushed_answers_from_the_hub_as_before(
    own: Path, hub: Hub, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, image = own / "runs" / "saaa", own / "square 0.png"
    status, printed, _ = call("push", run, "team/squares", "--private")
    assert status == 0
    assert "team/squares" in printed
    assert "team/squares" in hub.private
    files = hub.files["team/squares"]
    assert files.keys() >= {"config.toml", "best.safetensors", "README.md", "manifest.json"}
    assert not {"last.safetensors", "report.html", "log.csv"} & files.keys()
    assert 'load("hf:team/squares")' in files["README.md"].decode()
    ours = Predictor.load(run).look(image).ask("is it red?").to_dict()
    theirs = Predictor.from_pretrained("team/squares").look(image).ask("is it red?")
    assert theirs.to_dict() == ours
    monkeypatch.chdir(tmp_path)
    status, printed, _ = call("ask", "hf:team/squares", image, "is it red?", "--json")
    assert status == 0
    assert json.loads(printed)[0]["answer"] == ours["answer"]
    assert "Bearer hf_of_the_test" in hub.tokens


def test_a_run_of_the_hub_is_evaluated_beside_nobodys_folder(
    own: Path, hub: Hub, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Predictor.load(own / "runs" / "saaa").push_to_hub("team/squares")
    monkeypatch.chdir(tmp_path)
    data = f"table:{own / 'squares.csv'}"
    assert call("evaluate", "hf:team/squares", "--data", data)[0] == 0
    assert list((tmp_path / "squares-evaluations").glob("*/metrics.json"))
    assert not (tmp_path / "hf:team").exists()


def test_what_was_fetched_serves_when_the_hub_is_gone(
    own: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Predictor.load(own / "runs" / "saaa").push_to_hub("team/squares")
    folder = fetch("team/squares")
    assert (folder.parent.name, folder.name) == (COMMIT, "squares")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        point_to(f"http://127.0.0.1:{nobody.getsockname()[1]}", tmp_path, monkeypatch)
        assert fetch("team/squares") == folder
        with pytest.raises(RunError, match="could not be reached"):
            fetch("team/others")
        with pytest.raises(RunError, match="could not be reached"):
            Predictor.load(folder).push_to_hub("team/squares")


def test_what_the_hub_does_not_have_is_said(hub: Hub) -> None:
    with pytest.raises(RunError, match=r"hf:team/none: the model hub does not have it"):
        Predictor.from_pretrained("team/none")
    hub.files["team/else"] = {"README.md": b"another model", "pytorch_model.bin": b"x"}
    with pytest.raises(RunError, match=r"hf:team/else: holds no run"):
        Predictor.from_pretrained("hf:team/else")


def test_a_pickle_is_not_even_fetched(own: Path, hub: Hub) -> None:
    Predictor.load(own / "runs" / "saaa").push_to_hub("team/squares")
    hub.files["team/squares"] |= {"evil.bin": b"x", "evil.pkl": b"x"}
    assert not [file for file in fetch("team/squares").rglob("*") if file.name.startswith("evil")]


@pytest.mark.parametrize("name", ["squares", "a/b/c", "../../etc", "team/squares@", ""])
def test_a_name_that_is_none(name: str, hub: Hub) -> None:
    with pytest.raises(RunError, match=r"no name of a run|no such run"):
        fetch(name)
    with pytest.raises(RunError, match=r"no such run|no name of a run|not a run folder"):
        Predictor.from_pretrained(name or "nothing")


def test_a_folder_of_that_name_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_named("demo")
    (tmp_path / "demo").mkdir()
    assert not is_named("demo")
    assert named_run("demo") == Path("demo")


def test_saved_it_answers_as_before(own: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(own / "runs" / "saaa")
    predictor.save_pretrained(tmp_path / "saved")
    image = own / "square 0.png"
    again = Predictor.from_pretrained(tmp_path / "saved")
    ours, theirs = (p.look(image).ask("is it red?").to_dict() for p in (predictor, again))
    assert theirs == ours
    assert not (tmp_path / "saved" / "last.safetensors").exists()
    with pytest.raises(RunError, match="not an empty folder"):
        predictor.save_pretrained(tmp_path / "saved")
