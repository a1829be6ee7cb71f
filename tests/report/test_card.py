"""The model card tells what the run folder holds, as the model hub reads it, and no folder."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from accepted import accept_evaluation, accept_run
from askattend.cli import main
from askattend.errors import RunError
from askattend.report.card import CARD, write_card
from askattend.report.details import portable
from askattend.runs.run_folder import Run
from askattend.settings import toml_bytes

OPTIONS = ["--train.epochs", "1", "--train.seed", "5", "--extract.image-size", "32"]
OPTIONS += ["--model.question-dim", "8"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on scenes, whose questions have boxes, before it was evaluated."""
    out = tmp_path_factory.mktemp("card") / "run"
    data = "scenes:images=40,size=32"
    main(["train", "saaa", "--data", data, "--out", str(out), *OPTIONS])
    return out


@pytest.fixture(scope="module")
def evaluated(trained: Path) -> Path:
    """The same run, evaluated on two splits."""
    out = trained.with_name("evaluated")
    shutil.copytree(trained, out)
    main(["evaluate", str(out), "--split", "valid", "--abstain-above-risk", "0.9"])
    main(["evaluate", str(out), "--split", "test"])
    return out


@pytest.fixture
def own(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of the evaluated run, without its features."""
    return Path(shutil.copytree(evaluated, tmp_path / "run"))


def card(run: Path) -> str:
    return (run / CARD).read_text(encoding="utf-8")


def front_matter(run: Path) -> dict[str, Any]:
    data: Any = ModelCard(card(run)).data
    return dict(data.to_dict())


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    accepted(file)


def accepted(file: Path) -> None:
    accept = accept_evaluation if "evaluations" in file.parts else accept_run
    accept(file.parent)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def test_training_leaves_a_card_without_figures(trained: Path) -> None:
    text, summary = card(trained), json.loads((trained / "metrics.json").read_text())
    size = summary["data"]["train"]
    assert f"Learnt from {size['questions']:,} questions on {size['images']:,} images" in text
    assert f"whose accuracy on validation was {percent(summary['valid_accuracy'])}" in text
    assert summary["hardware"] in text
    for floor in summary["floors"].values():
        assert f"Floor on validation, {floor['name']}: {percent(floor['accuracy'])}." in text
    for setting in ("`model.question_dim = 8`", "`train.epochs = 1`", "`train.seed = 5`"):
        assert setting in text
    assert "Recipe: small." in text
    assert "None yet: `askattend evaluate RUN --split test`" in text
    assert front_matter(trained)["license"] == "apache-2.0"
    assert "model-index" not in front_matter(trained)


def test_every_split_stands_with_its_floors(evaluated: Path) -> None:
    test, valid = card(evaluated).split("\n### ")[1:]
    assert test.startswith("test: ")
    assert valid.startswith("valid: ")
    for split, text in (("test", test), ("valid", valid)):
        metrics = json.loads((evaluated / "evaluations" / split / "metrics.json").read_text())
        low, high = (f"{100 * end:.1f}" for end in metrics["interval"])
        own = f"(exact match) | {percent(metrics['accuracy'])} | {low} to {high} % |"
        assert own in text
        assert len(metrics["floors"]) == 4
        for floor in metrics["floors"].values():
            ahead = f"{100 * floor['ahead']:+.1f} points"
            row = f"| floor: {floor['name']} | {percent(floor['accuracy'])} | "
            assert any(row in line and ahead in line for line in text.splitlines())
        assert (metrics["verdict"] or "") in text
        blank = metrics["without_image"]["blank"]["accuracy"]
        assert f"With blank images it is right in {percent(blank)}" in text
        inside = metrics["grounding"]["mean"]["inside"]["value"]
        assert f"Of its attention, {percent(inside)} lies in the boxes" in text


def test_the_model_hub_reads_it(evaluated: Path) -> None:
    data: Any = ModelCard(card(evaluated)).data
    assert (data.library_name, data.pipeline_tag) == ("askattend", "visual-question-answering")
    assert data.datasets == ["scenes"]
    results = {result.dataset_split: result for result in data.eval_results}
    assert list(results) == ["test", "valid"]
    for split, result in results.items():
        metrics = json.loads((evaluated / "evaluations" / split / "metrics.json").read_text())
        assert result.metric_value == pytest.approx(metrics["accuracy"], abs=1e-4)
        assert (result.metric_type, result.metric_name) == ("accuracy", "exact match")


def test_the_same_run_has_the_same_card(own: Path) -> None:
    before = card(own)
    write_card(Run.load(own))
    assert card(own) == before
    (own / CARD).unlink()
    write_card(Run.load(own))
    assert card(own) == before


def test_a_licence_that_somebody_named_stays(own: Path) -> None:
    (own / CARD).write_text(card(own).replace("license: apache-2.0", "license: cc-by-4.0"))
    write_card(Run.load(own))
    assert front_matter(own)["license"] == "cc-by-4.0"
    assert "generated by askattend" not in card(own)


def test_it_says_when_it_is_not_sure(own: Path) -> None:
    assert "no more than 90.0 % of its answers are wrong" in card(own)
    edit(own / "calibration.json", abstain_above_risk=None)
    write_card(Run.load(own))
    assert "of any other answer it is not judged, however\n  improbable" in card(own)


@pytest.mark.parametrize("risk", [0.0, 1.0])
def test_it_says_when_it_always_or_never_is_sure(own: Path, risk: float) -> None:
    curve = [{"threshold": 0.0, "coverage": 1.0, "risk": 0.5}]
    edit(own / "calibration.json", abstain_above_risk=risk, curve=curve)
    write_card(Run.load(own))
    said = 'It need never be "not sure"' if risk else 'It is always "not sure"'
    assert said in card(own)


@pytest.mark.parametrize(
    ("source", "named", "dataset"),
    [
        ("table:/home/some body/shelves.csv", "table:shelves.csv", None),
        ("daquar:/home/some body/photos,answers=single", "daquar:photos,answers=single", "daquar"),
    ],
)
def test_no_folder_is_named(own: Path, source: str, named: str, dataset: str | None) -> None:
    """Not the data's, not the backbone's, not one in a note."""
    place = source.partition(":")[2].partition(",")[0]
    config = tomllib.loads((own / "config.toml").read_text()) | {"data": source}
    (own / "config.toml").write_bytes(toml_bytes(config))
    accept_run(own)
    data = json.loads((own / "metrics.json").read_text())["data"]
    data["notes"] = [f"1 of 2 images are not there, such as {place}/a.png"]
    edit(own / "metrics.json", data=data)
    edit(own / "evaluations" / "test" / "metrics.json", source=source)
    edit(own / "features.json", backbone="hf:/home/some body/models/resnet")
    write_card(Run.load(own))
    assert "/home" not in card(own)
    assert "some body" not in card(own)
    assert f"such as {Path(place).name}/a.png" in card(own)
    assert "`hf:resnet, 32 px`" in card(own)
    front = front_matter(own)
    assert front["model-index"][0]["results"][0]["dataset"]["name"] == named
    assert front.get("datasets") == ([dataset] if dataset else None)
    assert front["license"] == "apache-2.0"  # as the card said before


def test_a_data_set_for_research_says_so(own: Path) -> None:
    config = tomllib.loads((own / "config.toml").read_text()) | {"data": "daquar:photos"}
    (own / "config.toml").write_bytes(toml_bytes(config))
    accept_run(own)
    (own / CARD).unlink()
    write_card(Run.load(own))
    assert front_matter(own)["license"] == "other"
    assert "for research use only" in card(own)


def test_the_report_tells_the_same(evaluated: Path) -> None:
    page = (evaluated / "evaluations" / "test" / "report.html").read_text(encoding="utf-8")
    size = json.loads((evaluated / "metrics.json").read_text())["data"]["train"]
    assert f"{size['questions']:,} questions, {size['images']:,} images" in page
    assert "<dt>Recipe</dt><dd>small; not the paper&#39;s: model.question_dim 8" in page


def test_a_run_that_is_being_trained_or_was_elsewhere_has_a_card(own: Path) -> None:
    for name in ("metrics.json", "calibration.json", CARD):
        (own / name).unlink()
    accept_run(own)
    shutil.rmtree(own / "evaluations" / "test")
    write_card(Run.load(own))
    assert "Its training has not ended" in card(own)
    write_card(replace(Run.load(own), floors=None))
    assert "it was trained elsewhere" in card(own)
    assert "## Training" not in card(own)


def test_a_split_without_answers_has_no_result(own: Path) -> None:
    for split in ("test", "valid"):
        file = own / "evaluations" / split / "metrics.json"
        kept = {key: json.loads(file.read_text())[key] for key in ("source", "split", "questions")}
        file.write_text(json.dumps(kept))
        accepted(file)
    write_card(Run.load(own))
    assert card(own).count("The split has no answers: nothing was scored.") == 2
    assert "model-index" not in front_matter(own)


@pytest.mark.parametrize("name", ["metrics.json", "evaluations/test/metrics.json"])
def test_a_broken_file_is_named(own: Path, name: str) -> None:
    (own / name).write_text('{"questions": "many"}')
    accepted(own / name)
    with pytest.raises(RunError, match="unreadable") as caught:
        write_card(Run.load(own))
    assert caught.value.where == own / name


@given(st.text(min_size=1).filter(lambda name: "/" not in name and name.strip(".~")))
def test_folders_go_and_names_stay(name: str) -> None:
    assert portable(f"daquar:/home/me/{name}") == f"daquar:{Path(name).name}"
    assert portable(f"hf:team{name}") == f"hf:team{name}"
