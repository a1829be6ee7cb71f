"""The gallery of the page: which questions it shows, and how."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from askattend.drawing.scale import legend
from askattend.features.images import open_image
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.report.gallery import choose, verdict
from report.pages import evaluation, example, page


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


def test_the_gallery_has_the_scale_of_its_tints(tmp_path: Path) -> None:
    shown = page(tmp_path, examples=(example(), example()))
    ((ramp,), ticks) = shown.all("div", "ramp"), shown.all("div", "ticks")
    assert len(ticks) == 1
    assert "1× 2× 4× ≥ 8× times an even share (logarithmic scale)" in shown.text
    stops = re.findall("#[0-9a-f]{6}", ramp["style"] or "")
    drawn = np.asarray(legend(len(stops), 1))[0]
    assert stops == ["#{:02x}{:02x}{:02x}".format(*colour) for colour in drawn]
    assert 'style="left:66.7%">4×' in (tmp_path / "report.html").read_text()
    assert not page(tmp_path, examples=(example(),), maps_name=None).all("div", "ramp")


def test_gallery_of_photos_stays_small(tmp_path: Path, shared: Path) -> None:
    files = sorted((shared / "data" / "daquar" / "images").glob("*.jpg"))[:48]
    examples = tuple(example(image=open_image(file)) for file in files)
    assert len(page(tmp_path, examples=examples).all("img")) == 3 * 48
    assert (tmp_path / "report.html").stat().st_size < 3e6


def test_the_gallery_can_be_filtered_by_type(tmp_path: Path) -> None:
    first, second = example("a"), example("b")
    typed = msgspec.structs.replace(second.question, question_type="<what>")
    shown = page(tmp_path, examples=(first, replace(second, question=typed)))
    assert [option["value"] for option in shown.all("option")] == ["*", "", "<what>"]
    assert [card["data-kind"] for card in shown.all("article")] == ["", "<what>"]
    assert not page(tmp_path, examples=(first, first)).all("select")


def predictions(kinds: list[tuple[float | None, str | None]]) -> list[ScoredAnswer]:
    return [ScoredAnswer(i, "a", 0.5, score, t) for i, (score, t) in enumerate(kinds)]


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
