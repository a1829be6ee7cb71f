from __future__ import annotations

import base64
import io
import math
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from askattend.data.questions import Question
from askattend.evaluation.evaluate import Evaluation, Metrics
from askattend.evaluation.removal import Sensitivity
from askattend.features.images import open_image
from askattend.metrics.breakdown import GroupAccuracy, Pairs, ParaphraseConsistency
from askattend.metrics.calibration import Abstention, Bin, Point, Reliability
from askattend.metrics.grounding import Grounding, GroundingScores
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.report import Example, choose, verdict, write_report
from askattend.report.charts import BOTTOM, LEFT, RIGHT, TOP, Curve, chart
from askattend.runs.predictor import Answer
from askattend.training.history import Epoch, TrainingHistory

VOID = {"meta", "link", "br", "img"}
METRICS = Metrics(
    source="table:a & b.csv",
    split="test",
    questions=1234,
    metric="VQA accuracy",
    accuracy=0.625,
    floors={"majority": 0.25, "prefix": 0.4375},
    coverage=0.9,
    by_answer_type={
        "yes/no": GroupAccuracy(1000, 0.75, (0.72, 0.78)),
        "<other>": GroupAccuracy(234, 0.1, (0.06, 0.14)),
    },
)


class Page(HTMLParser):
    """An HTML page as its elements and texts; fails where elements are not properly nested."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(file.read_text("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (not kind or kind in (attributes.get("class") or "").split())
        ]


def example(
    text: str = "what is it?",
    score: float | None = 1.0,
    *,
    probability: float = 0.5,
    said: str = "lamp",
    answers: tuple[tuple[str, int], ...] = (("lamp", 1),),
    image: Image.Image | None = None,
    maps: int = 2,
) -> Example:
    attention = torch.randn(maps, 16, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    top = ((said, probability), ("sofa", 0.1))
    return Example(
        Question(1, "image1", text, answers, "test"),
        image or Image.new("RGB", (64, 48), "teal"),
        Answer(text, said, probability, top, attention.view(maps, 4, 4)),
        score,
    )


def evaluation(*scores: float | None, metrics: Metrics = METRICS) -> Evaluation:
    return Evaluation(metrics, tuple(ScoredAnswer(i, "lamp", 0.5, s) for i, s in enumerate(scores)))


def progression(*accuracies: float) -> TrainingHistory:
    return TrainingHistory(
        tuple(
            Epoch(i, 10 * i, 1e-3, 3 / i, 4 / i, accuracy, 1.0, 1.0)
            for i, accuracy in enumerate(accuracies, 1)
        )
    )


def page(
    folder: Path,
    evaluated: Evaluation | None = None,
    *,
    title: str = "SAAA on easy-vqa",
    history: TrainingHistory | None = None,
    examples: tuple[Example, ...] = (),
    details: dict[str, str] | None = None,
    maps_name: str | None = "glimpse",
    sees: str = "image and question",
) -> Page:
    file = folder / "report.html"
    write_report(
        file,
        title=title,
        evaluation=evaluated or evaluation(1.0, 0.0),
        progression=history,
        examples=examples,
        details=details or {},
        maps_name=maps_name,
        sees=sees,
    )
    return Page(file)


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
    shown = page(tmp_path, history=progression(0.1, 0.2), examples=(example(),))
    links = [a[name] for _, a in shown.elements for name in ("src", "href", "srcset") if name in a]
    assert len(links) == 4  # an empty icon and three pictures
    assert all((link or "").startswith("data:") for link in links)
    style = (tmp_path / "report.html").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_page_is_accessible(tmp_path: Path) -> None:
    shown = page(tmp_path, history=progression(0.1, 0.2), examples=(example(),))
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
    full = page(
        tmp_path, history=progression(0.1), examples=(example(),), details={"Network": "SAN"}
    )
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


def test_lone_surrogate_does_not_stop_the_report(tmp_path: Path) -> None:
    assert "what is ?" in page(tmp_path, examples=(example("what is \ud800"),)).text


def test_gallery_puts_the_surest_wrong_answers_first(tmp_path: Path) -> None:
    examples = (
        example("a", 1.0, probability=0.9),
        example("b", 0.0, probability=0.2),
        example("c", 0.6, probability=0.8),
        example("d", 0.0, probability=0.7),
    )
    shown = page(tmp_path, evaluation(1.0, 1.0, 0.0, 0.6, 0.0), examples=examples)
    assert [t for t in shown.texts if t in "abcd"] == ["d", "b", "c", "a"]
    verdicts = [card["data-verdict"] for card in shown.all("article")]
    assert verdicts == ["wrong", "wrong", "partly", "right"]
    assert "5 answers: 2 right, 1 partly right, 2 wrong. Of the 4 shown, 2 are wrong" in shown.text
    assert [b["data-filter"] for b in shown.all("button")] == ["all", "right", "partly", "wrong"]
    assert {"All 4", "Right 1", "Partly right 1", "Wrong 2", "60% right"} <= set(shown.texts)


def test_of_a_network_that_attends_nowhere_no_attention_is_told(tmp_path: Path) -> None:
    shown = page(tmp_path, examples=(example(),), maps_name=None, sees="the question alone")
    assert "sees the question alone" in shown.text
    assert "sees image and question" not in shown.text
    assert len(shown.all("img")) == 1
    for word in ("attention", "Attention", "looked", "glimpse", "map"):
        assert word not in shown.text
    assert "sees image and question" in page(tmp_path).text


def test_example_has_the_photo_and_a_picture_for_each_map(tmp_path: Path) -> None:
    photo = Image.new("RGB", (48, 64), (0, 128, 128))
    shown = page(tmp_path, examples=(example(image=photo, maps=3),), maps_name="hop")
    pictures = []
    for image in shown.all("img"):
        data = (image["src"] or "").removeprefix("data:image/jpeg;base64,")
        pictures.append(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))
        assert (image["width"], image["height"]) == tuple(map(str, pictures[-1].size))
    assert [picture.size for picture in pictures] == [(192, 256)] * 4
    assert pictures[0].getpixel((96, 128)) == pytest.approx((0, 128, 128), abs=4)
    assert all(f"hop {number}" in shown.texts for number in (1, 2, 3))
    photo_alt, *alts = [image["alt"] or "" for image in shown.all("img")]
    assert photo_alt == "Image image1"
    assert all("attention is greatest" in alt for alt in alts)


def test_gallery_of_photos_stays_small(tmp_path: Path, shared: Path) -> None:
    files = sorted((shared / "data" / "daquar" / "images").glob("*.jpg"))[:48]
    examples = tuple(example(image=open_image(file)) for file in files)
    assert len(page(tmp_path, examples=examples).all("img")) == 3 * 48
    assert (tmp_path / "report.html").stat().st_size < 3e6


def test_curves_mark_the_best_epoch(tmp_path: Path) -> None:
    shown = page(tmp_path, history=progression(0.2, 0.5, 0.4))
    assert "Best: epoch 2 of 3, with a validation accuracy of 50.0%" in shown.text
    assert len(shown.all("polyline", "train")) == 1
    assert len(shown.all("polyline", "valid")) == 2
    rings, marks = shown.all("circle", "ring"), shown.all("path", "best")
    assert len(rings) == 2
    assert [mark["d"] for mark in marks] == [f"M{ring['cx']} {TOP}V{BOTTOM}" for ring in rings]
    assert "epoch 2, validation: 50%, best" in shown.texts


def points(svg: str) -> list[tuple[float, float]]:
    found = re.search(r'points="([^"]*)"', svg)
    assert found
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found[1].split())]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_curve_read_by_its_scale_gives_the_values_back(values: list[float]) -> None:
    epochs = list(range(1, len(values) + 1))
    svg = chart("Loss", [Curve("x", "valid", values)], epochs=epochs, best=1, label=repr)
    scale = re.findall(r'y="([\d.]+)" text-anchor="end">([\d.e+-]+)<', svg)
    (low_y, low), (high_y, high) = [(float(y) - 4, float(v)) for y, v in (scale[0], scale[-1])]
    ulps = 1e-12 * high  # a tick may be 1.4000000000000001
    assert low - ulps <= min(values) <= max(values) <= high + ulps
    assert (low_y, high_y) == (BOTTOM, TOP)
    read = [low + (y - low_y) * (high - low) / (high_y - low_y) for _, y in points(svg)]
    # Positions are rounded to a tenth of a pixel.
    assert read == pytest.approx(values, abs=0.06 * (high - low) / (BOTTOM - TOP))
    places = [x for x, _ in points(svg)]
    assert places == sorted(set(places))


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_losses_that_are_not_finite_are_left_out(lost: float) -> None:
    curve = Curve("x", "train", [2.0, lost, 1.0])
    assert len(points(chart("Loss", [curve], epochs=[1, 2, 3], best=1, label=repr))) == 2
    none = Curve("x", "train", [lost])
    assert 'points=""' in chart("Loss", [none], epochs=[1], best=1, label=repr)


def test_curves_name_the_metric(tmp_path: Path) -> None:
    history = msgspec.structs.replace(progression(0.2, 0.5), metric="exact match")
    shown = page(tmp_path, history=history)
    assert "Exact match" in shown.texts
    assert "a validation accuracy (exact match) of 50.0%" in shown.text


def test_accuracy_does_not_rise_above_all() -> None:
    perfect = Curve("x", "valid", [99.5, 100.0])
    svg = chart("Accuracy", [perfect], epochs=[1, 2], best=2, label=repr, most=100.0)
    assert max(float(v) for v in re.findall(r'"end">([\d.]+)<', svg)) == 100.0


def predictions(kinds: list[tuple[float | None, str | None]]) -> Evaluation:
    return Evaluation(
        METRICS, tuple(ScoredAnswer(i, "a", 0.5, score, t) for i, (score, t) in enumerate(kinds))
    )


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([None, 0.0, 0.3, 1.0]), st.sampled_from([None, "x", "y", "z"])),
        max_size=60,
    ),
    st.integers(0, 30),
    st.integers(0, 3),
)
def test_choose(kinds: list[tuple[float | None, str | None]], count: int, seed: int) -> None:
    evaluated = predictions(kinds)
    chosen = choose(evaluated, count=count, seed=seed)
    assert chosen == choose(evaluated, count=count, seed=seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(kinds))
    assert all(0 <= position < len(kinds) for position in chosen)
    wrongs = sum(score == 0 for score, _ in kinds)
    others = len(kinds) - wrongs
    chosen_wrong = [position for position in chosen if kinds[position][0] == 0]
    if wrongs >= count // 2 and others >= count - count // 2:
        assert len(chosen_wrong) == count // 2
    else:
        assert len(chosen_wrong) == wrongs or len(chosen) - len(chosen_wrong) == others
    for group in (chosen_wrong, sorted(set(chosen) - set(chosen_wrong))):
        of_group = [
            kinds[p][1] for p, k in enumerate(kinds) if (k[0] == 0) == (group == chosen_wrong)
        ]
        shares = Counter(kinds[position][1] for position in group)
        for kind, shown in shares.items():
            # No type is shown twice more than another that still has questions left.
            left = [shares[k] for k, n in Counter(of_group).items() if n > shares[k] and k != kind]
            assert all(shown <= other + 1 for other in left)


def test_choose_varies_with_the_seed() -> None:
    evaluated = predictions([(float(i % 2), None) for i in range(200)])
    assert len({tuple(choose(evaluated, count=10, seed=seed)) for seed in range(5)}) == 5


def test_verdict() -> None:
    found = [verdict(score) for score in (None, 0.0, 0.3, 0.9, 1.0)]
    assert found == [None, "wrong", "partly", "partly", "right"]


def test_what_a_bare_accuracy_hides(tmp_path: Path) -> None:
    agreement = GroundingScores(0.61, 0.72, 0.33)
    curve = (Point(0.9, 0.5, 0.1), Point(0.2, 1.0, 0.375))
    metrics = msgspec.structs.replace(
        METRICS,
        interval=(0.6, 0.65),
        ceiling=0.93,
        by_question_type={f"type {n}": GroupAccuracy(n, 0.5, (0.4, 0.6)) for n in range(1, 31)},
        by_question_length={"1-3 words": GroupAccuracy(7, 0.25, (0.1, 0.4))},
        pairs=Pairs(40, 0.3, 0.45),
        wordings=ParaphraseConsistency(50, 0.81, 0.52),
        reliability=Reliability(1.5, 0.031, 0.171, (Bin(9, 0.4, 0.5),), curve, 0.2),
        grounding=Grounding(
            99,
            (agreement, agreement),
            GroundingScores(0.11, 0.12, None),
            GroundingScores(0.13, 0.14, 0.05),
        ),
        sensitivity=Sensitivity(500, 3, 0.123, 0.004),
    )
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
        "Hop 2 61.0% 72.0% 0.33",
        "Everywhere alike 11.0% 12.0% –",
        "falls by 12.3 points ; when random ones are, by 0.4 points",
    ):
        assert text in shown.text
    assert "type 10" not in shown.texts
    assert len(shown.all("span", "whisker")) == 2 + 20 + 1
    labels = [svg["aria-label"] or "" for svg in shown.all("svg") if svg.get("role") == "img"]
    assert any("share of those answers that are wrong" in label for label in labels)


def reliable(abstention: Abstention | None) -> Evaluation:
    curve = (Point(0.9, 0.5, 0.1), Point(0.2, 1.0, 0.375))
    found = Reliability(1.0, 0.03, 0.03, (Bin(9, 0.4, 0.5),), curve, 0.2)
    metrics = msgspec.structs.replace(METRICS, reliability=found, abstention=abstention)
    return evaluation(1.0, 0.0, metrics=metrics)


def test_abstention_is_told_and_marked(tmp_path: Path) -> None:
    shown = page(tmp_path, reliable(Abstention(0.15, 0.625, 0.5, 0.1, 0.55)))
    assert "To keep wrong answers within 15.0%" in shown.text
    assert 'says "not sure" below a probability of 62.5%' in shown.text
    assert "it answers 55.0% of those, and here 50.0%, 10.0% of them wrongly" in shown.text
    (ring,) = shown.all("circle", "ring")
    assert float(ring["cx"] or 0) == pytest.approx((LEFT + RIGHT) / 2, abs=0.1)
    assert float(ring["cy"] or 0) == pytest.approx(BOTTOM - 0.1 * (BOTTOM - TOP), abs=0.1)
    assert "answers 50.0%, 10.0% of them wrong" in shown.texts


def test_abstention_at_its_ends(tmp_path: Path) -> None:
    shown = page(tmp_path, reliable(None))
    assert "After evaluate --abstain-above-risk 0.1 , ask says" in shown.text
    assert not shown.all("circle", "ring")
    shown = page(tmp_path, reliable(Abstention(0.05, 1.1, 0.0, None, 0.0)))
    assert 'always "not sure"' in shown.text
    assert not shown.all("circle", "ring")
    shown = page(tmp_path, reliable(Abstention(0.5, 0.0, 1.0, 0.375, 1.0)))
    assert "need never be unsure" in shown.text


def test_the_gallery_can_be_filtered_by_type(tmp_path: Path) -> None:
    first, second = example("a"), example("b")
    typed = msgspec.structs.replace(second.question, question_type="<what>")
    shown = page(tmp_path, examples=(first, replace(second, question=typed)))
    assert [option["value"] for option in shown.all("option")] == ["*", "", "<what>"]
    assert [card["data-kind"] for card in shown.all("article")] == ["", "<what>"]
    assert not page(tmp_path, examples=(first, first)).all("select")


def test_grounding_by_type_has_a_row_a_type(tmp_path: Path) -> None:
    one = Grounding(
        7,
        (GroundingScores(0.61, 0.71, 0.3), GroundingScores(0.62, 0.72, 0.3)),
        GroundingScores(0.1, 0.2, None),
        GroundingScores(0.3, 0.4, 0),
    )
    two = Grounding(
        9,
        (GroundingScores(0.25, 0.35, 0.3), GroundingScores(0.26, 0.36, 0.3)),
        GroundingScores(0.5, 0.6, None),
        GroundingScores(0.7, 0.8, 0),
    )
    metrics = msgspec.structs.replace(
        METRICS, grounding=one, grounding_by_type={"colour": one, "count": two}
    )
    shown = page(tmp_path, evaluation(1.0, 0.0, metrics=metrics))
    head = "Type Questions Glimpse 1 Glimpse 2 All alike Middle"
    for title, colour, count in (
        ("Inside the boxes", "61.0% 62.0% 10.0% 30.0%", "25.0% 26.0% 50.0% 70.0%"),
        ("Peak is a hit", "71.0% 72.0% 20.0% 40.0%", "35.0% 36.0% 60.0% 80.0%"),
    ):
        assert f"{title} {head} colour 7 {colour} count 9 {count}" in shown.text


@pytest.mark.parametrize(
    ("fall", "said"),
    [(0.0, "0.0"), (-0.0001, "0.0"), (-0.0006, "-0.1"), (-1e-9, "0.0"), (0.1234, "12.3")],
)
def test_no_fall_is_said_to_be_less_than_none(tmp_path: Path, fall: float, said: str) -> None:
    metrics = msgspec.structs.replace(METRICS, sensitivity=Sensitivity(5, 2, fall, 0.5))
    shown = page(tmp_path, evaluation(1.0, 0.0, metrics=metrics))
    assert f"falls by {said} points ; when random ones are, by 50.0 points" in shown.text


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
