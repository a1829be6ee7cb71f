"""The list of figures, and one that another package adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from askattend.cli.evaluate import table
from askattend.errors import ConfigError
from askattend.evaluation.evaluate import Figure, evaluate
from askattend.evaluation.figures import FIGURES, all_figures
from askattend.report.page import write_report
from evaluation.evaluations import batches, predictor, question
from small_questions import make_qaset

GROUP = "askattend.figures"
YES = '''
"""How often it says yes."""

from askattend.evaluation.section import GroupTable, Prose, Section, Table, TerminalLine


def measure(evaluated):
    said = [one.answer for one in evaluated.answers.answers]
    return {"yes": said.count("yes") / len(said), "questions": len(said)}


def terminal_lines(value):
    return [TerminalLine("says yes", value["yes"])]


def page_section(value, context):
    return Section("Says yes", (Prose(f"**{value['yes']:.1%}** <of> {value['questions']}."),))
'''


def test_each_of_the_packages_own_is_a_figure() -> None:
    found = all_figures()
    assert list(found)[: len(FIGURES.own)] == list(FIGURES.own)
    for name, figure in found.items():
        assert isinstance(figure, Figure), name
    folder = Path(__file__).parents[3] / "src" / "askattend" / "evaluation" / "figures"
    assert {file.stem for file in folder.glob("*.py")} - {"__init__"} == set(FIGURES.own)


def test_a_figure_from_elsewhere_is_measured_said_and_shown(
    tmp_path: Path, install_package: Callable[..., Path]
) -> None:
    install_package("says_yes", YES, group=GROUP, name="says_yes", value="says_yes")
    figures = all_figures()
    questions = make_qaset(*(question(number) for number in range(9)))
    split = batches(questions)
    evaluation = evaluate(predictor(), split, split, figures, "test", console=Console(quiet=True))
    said = [one.answer for one in evaluation.predictions]
    share = said.count("yes") / 9
    evaluation.save(tmp_path, questions)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["says_yes"] == {"yes": share, "questions": 9}
    assert list(metrics)[-2:] == ["without_image", "says_yes"]
    assert f"says yes{share:>38.2%}" in table(evaluation.metrics)
    write_report(
        tmp_path / "report.html",
        title="A figure from elsewhere",
        evaluation=evaluation,
        figures=figures,
        history=None,
        examples=(),
        details={},
    )
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Says yes</h2>" in page
    assert f"<b>{share:.1%}</b> &lt;of&gt; 9." in page


def test_a_figure_cannot_take_the_place_of_another_number(
    install_package: Callable[..., Path],
) -> None:
    install_package("bad_name", YES, group=GROUP, name="accuracy", value="bad_name")
    with pytest.raises(ConfigError, match=r"cannot be called 'accuracy': metrics\.json has that"):
        all_figures()


@pytest.mark.parametrize(
    ("source", "problem"),
    [("1 / 0", r"cannot be imported \(ZeroDivisionError"), ("measure = len", "not Figure")],
)
def test_a_broken_figure_is_named(
    install_package: Callable[..., Path], source: str, problem: str
) -> None:
    install_package("broken", source, group=GROUP, name="mine", value="broken")
    message = rf"'mine' \(entry point of broken 1\.0, broken\): .*{problem}.*Mend or uninstall"
    with pytest.raises(ConfigError, match=message):
        all_figures()
