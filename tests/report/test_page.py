"""The page as a whole: what it holds, and that any text in it is shown as it is."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from askattend.evaluation.evaluate import Evaluated, Evaluation, Metrics
from askattend.evaluation.section import (
    Axis,
    Chart,
    GroupTable,
    Line,
    Mark,
    Note,
    PageContext,
    Prose,
    Section,
    Table,
    TerminalLine,
)
from askattend.metrics.abstention import Abstention
from askattend.metrics.breakdown import GroupAccuracy, Pairs, ParaphraseConsistency
from askattend.metrics.calibration import Bin, Reliability
from askattend.metrics.grounding import Grounding, GroundingScores
from askattend.metrics.removal import Removal, RemovalScores
from askattend.metrics.risk_coverage import RiskCoveragePoint
from askattend.metrics.significance import Estimate, Ratio
from askattend.report.charts import BOTTOM, LEFT, RIGHT, TOP
from askattend.training.history import TrainingHistory
from report.pages import METRICS, evaluation, example, page, training, with_figures


def test_headline_and_bars_show_the_figures(tmp_path: Path) -> None:
    shown = page(tmp_path)
    assert "62.5% VQA accuracy on 1,234 test questions of table:a & b.csv" in shown.text
    widths = [attributes["style"] for attributes in shown.all("span", "fill")]
    overall = ["width:62.5%", "width:43.8%", "width:25.0%", "width:90.0%"]
    assert widths == [*overall, "width:75.0%", "width:10.0%"]
    assert "yes/no 1,000 75.0%" in shown.text
    assert "<other> 234 10.0%" in shown.text


@pytest.mark.parametrize("metric", ["exact match", "VQA accuracy, current"])
def test_the_ceiling_is_shown_whatever_the_metric(tmp_path: Path, metric: str) -> None:
    metrics = msgspec.structs.replace(METRICS, metric=metric, ceiling=0.875)
    shown = page(tmp_path, evaluation(1.0, 0.0, metrics=metrics))
    assert "Ceiling 87.5% what always choosing the best answer that it can give" in shown.text


def test_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    shown = page(tmp_path, history=training(0.1, 0.2), examples=(example(),))
    links = [a[name] for _, a in shown.elements for name in ("src", "href", "srcset") if name in a]
    assert len(links) == 4  # an empty icon and three pictures
    assert all((link or "").startswith("data:") for link in links)
    style = (tmp_path / "report.html").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_page_is_accessible(tmp_path: Path) -> None:
    shown = page(tmp_path, history=training(0.1, 0.2), examples=(example(),))
    assert shown.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(image["alt"] for image in shown.all("img"))
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in shown.all("svg"))
    assert all(a["type"] == "button" and a["aria-pressed"] for a in shown.all("button"))


def test_split_without_answers(tmp_path: Path) -> None:
    unscored = evaluation(None, None, metrics=Metrics("table:x.csv", "test", 2))
    shown = page(tmp_path, unscored, examples=(example(score=None, answers=()),))
    assert "2 test questions answered" in shown.text
    assert not shown.all("span", "badge")
    assert not shown.all("button")
    assert not shown.all("ul", "bars")
    assert "Reference" not in shown.text
    assert "lamp" in shown.text


def test_what_is_not_known_leaves_no_empty_section(tmp_path: Path) -> None:
    assert not page(tmp_path, evaluation(1.0, metrics=Metrics("a", "test", 1))).all("section")
    assert not page(tmp_path, history=TrainingHistory()).all("svg")
    full = page(tmp_path, history=training(0.1), examples=(example(),), details={"Network": "SAN"})
    assert len(full.all("section")) == 4


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.text("<>&\"'$ab{} /\\!-=", min_size=1, max_size=30),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
        st.sampled_from(["</script><script>x", "<!--", "${title}", "犬 שלום", '" onerror="x']),
    )
)
def test_any_text_is_shown_as_it_is(tmp_path: Path, text: str) -> None:
    shown = page(
        tmp_path,
        title=text,
        examples=(example(text, 0.0, said=text, answers=((text, 3), ("b", 2)), maps=1),),
        details={text: text},
    )
    assert Counter(shown.texts)[text] >= 6  # title, heading, question, answer, name and value
    assert f"{text} × 3, b × 2" in shown.texts
    assert len(shown.all("script")) == 1
    attributes = {name for _, found in shown.elements for name in found}
    assert not any(name.startswith("on") for name in attributes)


HOSTILE = '</script><script>x</script><b onclick="y">&amp; 犬'


class Hostile:
    """A figure all of whose texts are a user's, who means harm."""

    def measure(self, evaluated: Evaluated) -> str:
        raise AssertionError("measured before")

    def terminal_lines(self, value: str) -> list[TerminalLine]:
        return []

    def page_section(self, value: str, context: PageContext) -> Section:
        axis = Axis(value)
        line = Line(value, ((0.1, 0.2), (0.3, 0.4)), (value, value))
        chart = Chart(value, (line,), axis, axis, (Mark(0.1, 0.2, value),))
        group = GroupTable(value, ((value, GroupAccuracy(1, 0.5, (0.25, 0.75))),))
        table = Table((value, value), ((value, value),), value)
        return Section(value, (chart, group, table, Prose(value), Note(value)))


def test_any_text_of_a_figure_is_shown_as_it_is(tmp_path: Path) -> None:
    metrics = Metrics(HOSTILE, "test", 1, HOSTILE, 0.5, figures={"hostile": HOSTILE})
    hostile = page(tmp_path, evaluation(1.0, metrics=metrics), figures={"hostile": Hostile()})
    # Metric; section, chart's title, legend and axis; two points and a ring; heading and
    # name of the groups; the table's title, columns and row; prose and note.
    assert Counter(hostile.texts)[HOSTILE] == 1 + 4 + 3 + 2 + 5 + 2
    assert f"on 1 test questions of {HOSTILE}" in hostile.text
    assert len(hostile.all("script")) == 1
    assert "onclick" not in {name for _, found in hostile.elements for name in found}
    labels = [svg["aria-label"] or "" for svg in hostile.all("svg", "") if svg.get("role")]
    assert labels == [f"{HOSTILE} by {HOSTILE}: {HOSTILE} from 20% to 40%; marked: {HOSTILE}"]


def test_prose_can_be_bold_and_code(tmp_path: Path) -> None:
    class Marked(Hostile):
        def page_section(self, value: str, context: PageContext) -> Section:
            return Section("A", (Prose(value), Note("one"), Note("`two`")))

    figures = {"marked": Marked()}
    metrics = Metrics("a", "test", 1, figures={"marked": "**5 < 6**, `a <b>` & 2 * 3"})
    shown = page(tmp_path, evaluation(None, metrics=metrics), figures=figures)
    assert {"5 < 6", "a <b>", "one ", "two"} <= set(shown.texts)
    assert shown.text.count("*") == 1


def test_sections_of_one_title_in_a_row_are_one(tmp_path: Path) -> None:
    metrics = Metrics("a", "test", 1, figures={"1": "x", "2": "x", "3": "y", "4": "x"})
    figures = dict.fromkeys(metrics.figures, Hostile())
    shown = page(tmp_path, evaluation(None, metrics=metrics), figures=figures)
    assert len(shown.all("section")) == 3


def test_intervals_are_rounded_as_their_accuracy_is(tmp_path: Path) -> None:
    assert "yes/no 1,000 75.0% 72.0%–78.0% <other>" in page(tmp_path).text
    sure = {"a": GroupAccuracy(900, 0.998, (0.9951, 1.0))}
    assert "a 900 99.8% 99.5%–100.0%" in page(tmp_path, with_figures(by_answer_type=sure)).text


def test_lone_surrogate_does_not_stop_the_report(tmp_path: Path) -> None:
    assert "what is ?" in page(tmp_path, examples=(example("what is \ud800"),)).text


def test_of_a_network_that_attends_nowhere_no_attention_is_told(tmp_path: Path) -> None:
    shown = page(tmp_path, examples=(example(),), maps_name=None, sees="the question alone")
    assert "sees the question alone" in shown.text
    assert "sees image and question" not in shown.text
    assert len(shown.all("img")) == 1
    for word in ("attention", "Attention", "looked", "glimpse", "map"):
        assert word not in shown.text
    assert "sees image and question" in page(tmp_path).text


def test_what_a_bare_accuracy_hides(tmp_path: Path) -> None:
    scores = grounded(0.61, 0.72, 0.33)
    curve = (RiskCoveragePoint(0.9, 0.5, 0.1), RiskCoveragePoint(0.2, 1.0, 0.375))
    evaluated = with_figures(
        by_question_type={f"type {n}": GroupAccuracy(n, 0.5, (0.4, 0.6)) for n in range(1, 31)},
        by_question_length={"1-3 words": GroupAccuracy(7, 0.25, (0.1, 0.4))},
        pairs=Pairs(40, 0.3, 0.45),
        paraphrases=ParaphraseConsistency(50, 0.81, 0.52),
        reliability=Reliability(1.5, 0.031, 0.171, (Bin(9, 0.4, 0.5),), curve, 0.2),
        grounding=Grounding(
            99,
            (scores, scores),
            scores,
            grounded(0.11, 0.12, None),
            grounded(0.13, 0.14, 0.05),
        ),
        removal=removal(0.123, 0.004),
    )
    metrics = msgspec.structs.replace(evaluated.metrics, interval=(0.6, 0.65), ceiling=0.93)
    shown = page(tmp_path, evaluation(1.0, 0.0, metrics=metrics), maps_name="hop")
    for text in (
        "60.0%–65.0% (95 %)",
        "93.0%",
        "type 30",
        "10 rarer kinds are in metrics.json",
        "30.0% of 40 complementary pairs",
        "81.0% : how often two wordings",
        "3.1% apart on",
        "divided by a temperature of 1.50",
        "it would be 17.1%",
        "Hop 2 61.0% (61.0%–61.0%) 2.0 × 72.0% (72.0%–72.0%) 0.33",
        "Everywhere alike 11.0% (11.0%–11.0%) 2.0 × 12.0% (12.0%–12.0%) –",
        "Hop 1 falls by 12.3 points (95 %: 12.3 to 12.3) 30.8 × 0.250 (0.200–0.300)",
        "Random order falls by 0.4 points (95 %: 0.4 to 0.4) –",
    ):
        assert text in shown.text
    assert "type 10" not in shown.texts
    assert len(shown.all("span", "whisker")) == 3 + 2 + 20 + 1  # the headline's, then the groups'
    labels = [svg["aria-label"] or "" for svg in shown.all("svg") if svg.get("role") == "img"]
    assert any("share of those answers that are wrong" in label for label in labels)


def reliable(abstention: Abstention | None) -> Evaluation:
    curve = (RiskCoveragePoint(0.9, 0.5, 0.1), RiskCoveragePoint(0.2, 1.0, 0.375))
    found = Reliability(1.0, 0.03, 0.03, (Bin(9, 0.4, 0.5),), curve, 0.2)
    return with_figures(reliability=found, abstention=abstention)


def test_abstention_is_told_and_marked(tmp_path: Path) -> None:
    shown = page(
        tmp_path, reliable(Abstention(0.15, 0.625, 0.5, 10, 0.1, (0.05, 0.2), 0, 0.55, 55, 100))
    )
    assert "To keep wrong answers within 15.0%" in shown.text
    assert 'says "not sure" below a probability of 62.5%' in shown.text
    assert "Here it answers 50.0%, 10.0% of these 10 wrongly (95 %: 5.0% to 20.0%" in shown.text
    (ring,) = shown.all("circle", "ring")
    assert float(ring["cx"] or 0) == pytest.approx((LEFT + RIGHT) / 2, abs=0.1)
    assert float(ring["cy"] or 0) == pytest.approx(
        BOTTOM - 0.1 / (1.1 * 0.375) * (BOTTOM - TOP), abs=0.1
    )
    assert "answers 50.0%, 10.0% of them wrong" in shown.texts


def test_abstention_at_its_ends(tmp_path: Path) -> None:
    shown = page(tmp_path, reliable(None))
    assert "There were no validation questions to learn from" in shown.text
    assert not shown.all("circle", "ring")
    shown = page(tmp_path, reliable(Abstention(0.05, 1.1, 0.0, 0, None, None, 0, 0.0, 0, 100)))
    assert 'always "not sure"' in shown.text
    assert not shown.all("circle", "ring")
    shown = page(
        tmp_path, reliable(Abstention(0.5, 0.0, 1.0, 8, 0.375, (0.1, 0.7), 0, 1.0, 100, 100))
    )
    assert "need never be unsure" in shown.text


def test_grounding_by_type_has_a_row_a_type(tmp_path: Path) -> None:
    one = Grounding(
        7,
        (grounded(0.61, 0.71, 0.3), grounded(0.62, 0.72, 0.3)),
        None,
        grounded(0.1, 0.2, None),
        grounded(0.3, 0.4, 0),
    )
    two = Grounding(
        9,
        (grounded(0.25, 0.35, 0.3), grounded(0.26, 0.36, 0.3)),
        None,
        grounded(0.5, 0.6, None),
        grounded(0.7, 0.8, 0),
    )
    figures = {"grounding": one, "grounding_by_type": {"colour": one, "count": two}}
    shown = page(tmp_path, with_figures(**figures))
    head = "Type Questions Glimpse 1 Glimpse 2 All alike Middle"
    for title, colour, count in (
        ("Inside the boxes", "61.0% 62.0% 10.0% 30.0%", "25.0% 26.0% 50.0% 70.0%"),
        ("Peak is a hit", "71.0% 72.0% 20.0% 40.0%", "35.0% 36.0% 60.0% 80.0%"),
    ):
        assert f"{title} {head} colour 7 {colour} count 9 {count}" in shown.text


@pytest.mark.parametrize(
    ("fall", "said"),
    [
        (0.0, "stays the same (95 %: 0.0 to 0.0)"),
        (-0.0001, "stays the same (95 %: 0.0 to 0.0)"),
        (-0.0006, "rises by 0.1 points (95 %: 0.1 to 0.1)"),
        (-0.022, "rises by 2.2 points (95 %: 2.2 to 2.2)"),
        (0.1234, "falls by 12.3 points (95 %: 12.3 to 12.3)"),
    ],
)
def test_a_fall_below_nothing_is_a_rise(tmp_path: Path, fall: float, said: str) -> None:
    shown = page(tmp_path, with_figures(removal=removal(fall, 0.5)))
    assert f"Glimpse 1 {said}" in shown.text
    assert "Random order falls by 50.0 points (95 %: 50.0 to 50.0)" in shown.text


def grounded(inside: float, pointing: float, rank: float | None) -> GroundingScores:
    shares = [Estimate(value, (value, value)) for value in (inside, pointing)]
    return GroundingScores(shares[0], Ratio(2.0, None), shares[1], rank)


def removal(attended: float, random: float) -> Removal:
    """Removal by one map."""
    area, curve = Estimate(0.25, (0.2, 0.3)), (0.5, 0.25, 0.0)
    ratio = Ratio(attended / random, None)
    one, other = (
        RemovalScores(Estimate(fall, (fall, fall)), times, curve, area, curve[::-1], area)
        for fall, times in ((attended, ratio), (random, None))
    )
    return Removal(200, 4, (0, 1, 4), (0, 3, 4), (one,), None, other)


def test_no_column_is_lost_on_a_narrow_screen(tmp_path: Path) -> None:
    shown = page(tmp_path)
    style = (tmp_path / "report.html").read_text("utf-8").partition("</style>")[0]
    hidden = re.findall(r"([^{}]*)\{\s*display: none;?\s*\}", style)
    # The bars' column has no heading to lose; what else is hidden has nothing to do with tables.
    assert {name.strip() for text in hidden for name in text.split(",")} == {
        *("th.wide", ".filters[hidden]", ".example[hidden]", ".filters")
    }
    assert len(shown.all("div", "table")) == 1
    assert re.search(r"\.table \{[^}]*overflow-x: auto", style)
