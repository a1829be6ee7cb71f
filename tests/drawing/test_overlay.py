from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from askattend.drawing import fonts
from askattend.drawing import overlay as drawing
from askattend.drawing.fonts import missing_glyphs
from askattend.drawing.overlay import (
    fit_long_side,
    map_caption,
    overlay,
    peak,
    picture_format,
    save_overlay,
    tinted_map,
)
from askattend.drawing.scale import legend, strongest
from askattend.errors import ConfigError
from askattend.features.images import open_image
from askattend.runs.predictor import Answer

PRIVATE = "\ue0a5"  # what `new_font` draws as a black box
GREY = Image.new("RGB", (64, 64), (128, 128, 128))


def answer(
    question: str = "what is it?",
    *,
    maps: int = 2,
    text: str = "lamp",
    sure: bool | None = None,
) -> Answer:
    logits = torch.randn(maps, 35, generator=torch.Generator().manual_seed(maps))
    attention = logits.softmax(dim=1).view(maps, 5, 7)
    return Answer(question, text, 0.25, ((text, 0.25),), attention, sure)


def one_hot(rows: int, columns: int, row: int, column: int) -> Tensor:
    attention = torch.zeros(rows, columns)
    attention[row, column] = 1
    return attention


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.int64)


PHOTO = Image.effect_noise((60, 40), 40).convert("RGB")


def tint(attention: Tensor, photo: Image.Image, **more: Any) -> np.ndarray:
    """How far each pixel is from the photo's own."""
    tinted = pixels(tinted_map(photo, attention, photo.size, **more))
    difference: np.ndarray = abs(tinted - pixels(photo)).sum(axis=2)
    return difference


@settings(deadline=None)
@given(st.data(), st.integers(2, 14), st.integers(2, 14), st.booleans())
def test_the_tint_is_strongest_in_the_region_attended_to(
    data: st.DataObject, rows: int, columns: int, portrait: bool
) -> None:
    row = data.draw(st.integers(0, rows - 1))
    column = data.draw(st.integers(0, columns - 1))
    size = (90, 150) if portrait else (150, 90)
    # The strongest tint is the yellowest.
    drawn = pixels(tinted_map(GREY, one_hot(rows, columns, row, column), size))
    yellow = drawn[..., 0] + drawn[..., 1] - drawn[..., 2]
    y, x = np.unravel_index(yellow.argmax(), yellow.shape)
    assert int(y * rows / size[1]) == row
    assert int(x * columns / size[0]) == column


@settings(deadline=None)
@given(st.integers(0, 99))
def test_a_tint_leaves_alone_what_has_no_more_than_an_even_share(seed: int) -> None:
    logits = torch.rand(4, 6, generator=torch.Generator().manual_seed(seed)) * 6
    attention = logits.flatten().softmax(0).view(4, 6)
    tinted = tint(attention, PHOTO)
    assert tinted.any()
    # Bicubic interpolation reaches two regions far.
    far = torch.nn.functional.max_pool2d(attention[None], 5, stride=1, padding=2)[0] <= 1 / 24
    assert not tinted[far.repeat_interleave(10, 0).repeat_interleave(10, 1).numpy()].any()


@settings(deadline=None)
@given(st.floats(1.5, 7), st.floats(1.1, 1.5))
def test_maps_of_one_grid_are_tinted_on_one_scale(times: float, more: float) -> None:
    """A region is tinted by its own share, whatever others have: the scale is not a map's own."""
    share, other = times / 64, more * times / 64
    shown = []
    for second in (share, other):
        attention = torch.full((8, 8), 0.0)
        attention[1, 1], attention[6, 6] = share, second
        attention[3:5, 3:5] = (1 - share - second) / 4
        shown.append(pixels(tinted_map(GREY, attention, (160, 160))))
    first, second_drawn = shown
    # To what the interpolation rounds.
    assert abs(first[30, 30] - first[130, 130]).max() <= 2
    assert abs(first[30, 30] - second_drawn[30, 30]).max() <= 2
    assert abs(second_drawn[130, 130] - second_drawn[30, 30]).max() > 2


def test_what_has_most_is_tinted_as_the_legend_ends() -> None:
    assert [strongest(count) for count in (1, 4, 49, 196, 10**6)] == [8, 8, 16, 32, 64]
    bar = pixels(legend(101, 3))
    assert (bar[:, 0] == 255).all()
    white = Image.new("RGB", (80, 80), "white")
    for times in (1.5, 2, 4, 8, 15):
        # Interpolation does not reach the middle of a quarter.
        attention = torch.zeros(8, 8)
        attention[:4, :4] = times / 64
        drawn = pixels(tinted_map(white, attention, white.size))[15, 15]
        place = round(100 * np.log(times) / np.log(strongest(64)))
        assert abs(drawn - bar[0, place]).max() <= 6


def test_a_flat_map_shows_no_tint_and_a_peak_does() -> None:
    assert not tint(torch.full((7, 7), 1 / 49), PHOTO).any()
    tinted = tint(one_hot(4, 6, 1, 2), PHOTO)
    y, x = np.unravel_index(tinted.argmax(), tinted.shape)
    assert (int(y) // 10, int(x) // 10) == (1, 2)


def test_what_was_not_seen_is_pale() -> None:
    drawn = tinted_map(
        Image.new("RGB", (60, 40)), one_hot(2, 2, 0, 0), (60, 40), seen=(0.5, 0, 1, 1)
    )
    assert (pixels(drawn)[:, :30] == 128).all()
    assert pixels(drawn)[:20, 30:45].any()
    assert pixels(drawn)[30:, 30:].max() <= 20  # what bicubic interpolation leaves


@pytest.mark.parametrize("value", [0.0, 1 / 49, float("nan")])
def test_flat_map_shows_no_place(value: float) -> None:
    flat = torch.full((7, 7), value)
    shown = pixels(tinted_map(GREY, flat, (50, 50)))
    assert (shown == shown[0, 0]).all()
    assert peak(flat) == "nowhere"
    assert map_caption(flat) == "All 49 regions get the same attention."


def test_softmax_noise_is_not_shown_as_attention() -> None:
    noisy = torch.full((7, 7), 1 / 49)
    noisy[2, 3] += 1e-8
    assert noisy.min() < noisy.max()
    assert peak(noisy) == "nowhere"


def test_a_caption_is_a_sentence_that_can_be_compared() -> None:
    attention = torch.tensor([[0.7, 0.1], [0.1, 0.1]])
    assert map_caption(attention) == (
        "The most attended of 4 regions, upper left, gets 70.0% of the attention: 2.8 times an "
        "even share."
    )
    nearly = torch.full((7, 7), 1 / 49)
    nearly[0, 0] += 0.004
    nearly[6, 6] -= 0.004
    assert map_caption(nearly) == (
        "Nearly even: the most attended of 49 regions gets 2.4% of the attention: 1.2 times an "
        "even share."
    )


def test_cells_are_drawn_as_they_are() -> None:
    """Coarse grids by default: interpolation would make them look finer than they are."""
    attention = one_hot(5, 5, 1, 3)
    drawn = pixels(tinted_map(GREY, attention, (100, 100), cells=True))
    tinted = (drawn != pixels(GREY)[0, 0]).any(axis=2)
    assert tinted[20:40, 60:80].all()
    assert tinted.sum() == 400
    smooth = pixels(tinted_map(GREY, attention, (100, 100)))
    assert (smooth != drawn).any()
    asked = replace(answer(), attention=attention[None])
    shown = [pixels(overlay(GREY, [asked], cells=cells)) for cells in (None, True, False)]
    assert (shown[0] == shown[1]).all()
    assert (shown[0] != shown[2]).any()
    fine = replace(answer(), attention=one_hot(14, 14, 1, 3)[None])
    assert (pixels(overlay(GREY, [fine])) == pixels(overlay(GREY, [fine], cells=False))).all()


def test_peak_in_words() -> None:
    found = [peak(one_hot(3, 3, row, column)) for row in range(3) for column in range(3)]
    assert found == [
        *("upper left", "top", "upper right"),
        *("left", "centre", "right"),
        *("lower left", "bottom", "lower right"),
    ]
    assert peak(one_hot(14, 14, 13, 0)) == "lower left"


@pytest.mark.parametrize("size", [(64, 64), (448, 336), (336, 448), (2000, 500), (90, 1100)])
def test_photo_keeps_its_shape_and_is_large_enough_to_see(size: tuple[int, int]) -> None:
    drawn = pixels(overlay(Image.new("RGB", size, (255, 0, 0)), [answer()]))
    across, _ = fit_long_side(Image.new("RGB", size), drawing.PANEL).size
    drawn = drawn[:, : drawing.MARGIN + max(across, drawing.CELL)]  # beside it lie the maps
    rows, columns = np.nonzero((drawn == [255, 0, 0]).all(axis=2))
    width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    assert (width, height) == fit_long_side(Image.new("RGB", size), drawing.PANEL).size
    assert width / height == pytest.approx(size[0] / size[1], rel=0.02)
    assert max(width, height) == drawing.PANEL


def test_each_question_has_a_row_and_each_map_a_panel() -> None:
    first, second = answer("how many?"), answer("where is the cat?", text="on the mat")
    both = pixels(overlay(GREY, [first, second]))
    apart = [pixels(overlay(GREY, [one])) for one in (first, second)]
    assert (both == np.concatenate(apart)).all()
    step = drawing.PANEL + drawing.GAP
    widths = [overlay(GREY, [answer(maps=maps)]).width for maps in (1, 2, 4)]
    assert np.diff(widths).tolist() == [step, 2 * step]


def test_an_answer_that_is_not_sure_is_drawn_so() -> None:
    unsure = overlay(GREY, [replace(answer(), sure=False)])
    said = overlay(GREY, [answer(text="not sure; perhaps lamp", sure=True)])
    assert (pixels(unsure) == pixels(said)).all()
    assert (pixels(unsure) != pixels(overlay(GREY, [answer(sure=True)]))).any()


def test_an_answer_that_nobody_judged_is_drawn_so() -> None:
    judged, unjudged = (pixels(overlay(GREY, [answer(sure=sure)])) for sure in (True, None))
    assert (judged != unjudged).any()


def test_panels_are_the_photo_and_its_maps() -> None:
    photo = Image.effect_noise((64, 64), 80).convert("RGB")
    asked = answer()
    drawn = pixels(overlay(photo, [asked]))
    large = fit_long_side(photo, drawing.PANEL)
    top = next(
        y
        for y in range(drawn.shape[0])
        if (drawn[y, drawing.MARGIN :][: drawing.PANEL] == pixels(large)[0]).all()
    )
    for number, panel in enumerate(
        [large, *(tinted_map(large, a, large.size, cells=True) for a in asked.attention)]
    ):
        left = drawing.MARGIN + number * (drawing.PANEL + drawing.GAP)
        shown = drawn[top : top + drawing.PANEL, left : left + drawing.PANEL]
        assert (shown == pixels(panel)).all()


@pytest.mark.parametrize(
    "question", ["is there anything " * 15, "x" * 300, "この写真の中に犬はいますか" * 12]
)
def test_long_questions_wrap(question: str) -> None:
    short, long = overlay(GREY, [answer("?")]), overlay(GREY, [answer(question)])
    assert long.width == short.width
    assert long.height > short.height + drawing.TITLE
    assert (pixels(long)[:, -drawing.MARGIN + 4 :] == 255).all()


def test_dollars_are_no_mathematics() -> None:
    with_dollars = overlay(GREY, [answer(r"$\frac{$ costs $5 or $x_1$?", text="$")])
    assert with_dollars.size == overlay(GREY, [answer("?")]).size


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=30))
def test_any_text_can_be_drawn(text: str) -> None:
    drawn = overlay(GREY, [answer(text, text=text, maps=1)])
    assert drawn.height > drawing.PANEL
    assert set(missing_glyphs(text)) <= set(text)


@pytest.mark.usefixtures("only_dejavu")
def test_a_character_without_a_glyph_is_marked() -> None:
    marked = overlay(GREY, [answer("犬")])
    assert (pixels(marked) == pixels(overlay(GREY, [answer(fonts.UNDRAWABLE)]))).all()


@pytest.mark.usefixtures("new_font")
def test_a_font_installed_since_is_drawn() -> None:
    above = slice(0, drawing.MARGIN + 2 * drawing.TITLE)
    ink = [
        int((pixels(overlay(GREY, [answer(text)]))[above].sum(axis=2) < 200).sum())
        for text in ("", PRIVATE, 3 * PRIVATE)
    ]
    box = (0.8 * drawing.TITLE) ** 2
    assert ink[1] - ink[0] == pytest.approx(box, rel=0.4)
    assert ink[2] - ink[0] == pytest.approx(3 * box, rel=0.4)


def test_threads_draw_what_one_alone_draws() -> None:
    asked = [answer(f"question {number}?", maps=1) for number in range(6)]
    alone = [overlay(GREY, [one]).tobytes() for one in asked]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda one: overlay(GREY, [one]).tobytes(), asked)) == alone


def test_save_overlay_writes_the_format_of_the_suffix(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "look.PNG"
    save_overlay(file, GREY, [answer()], maps_name="hop")
    with Image.open(file) as saved:
        assert saved.format == "PNG"
        assert saved.tobytes() == overlay(GREY, [answer()], maps_name="hop").tobytes()


def test_save_overlay_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"look\.xyz: '\.xyz' is not a picture format\. Name it"):
        save_overlay(tmp_path / "look.xyz", GREY, [answer()])
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_overlay(tmp_path / "taken" / "look.png", GREY, [answer()])


def test_overlay_of_a_photo(shared: Path) -> None:
    photo = open_image(shared / "data" / "daquar" / "images" / "image10.jpg")
    drawn = pixels(overlay(photo, [answer()]))
    large = pixels(fit_long_side(photo, drawing.PANEL))
    shown = drawn[:, drawing.MARGIN : drawing.MARGIN + drawing.PANEL]
    tops = [
        y
        for y in range(len(shown) - len(large) + 1)
        if (shown[y] == large[0]).all() and (shown[y : y + len(large)] == large).all()
    ]
    assert len(tops) == 1


def test_a_map_lies_over_the_part_that_was_seen() -> None:
    """The middle half of a wide photo: the map as over that half alone, the rest pale and alike."""
    wide = Image.new("RGB", (128, 64), (128, 128, 128))
    attention = one_hot(2, 2, 0, 1)
    drawn = pixels(tinted_map(wide, attention, (128, 64), seen=(0.25, 0.0, 0.75, 1.0)))
    middle = pixels(tinted_map(wide.crop((32, 0, 96, 64)), attention, (64, 64)))
    assert np.array_equal(drawn[:, 32:96], middle)
    for outside in (drawn[:, :32], drawn[:, 96:]):
        assert len(np.unique(outside.reshape(-1, 3), axis=0)) == 1
        assert outside.min() > middle[-1, 0].max()  # brighter than what was hardly attended to


def test_the_scale_stands_below_the_image_alone() -> None:
    with_maps, without = overlay(GREY, [answer(maps=1)]), overlay(GREY, [answer(maps=0)])
    tall = with_maps.height - without.height
    assert tall >= drawing.LEGEND + drawing.CAPTION
    bar = pixels(legend(drawing.PANEL // 2, drawing.LEGEND))
    shown = pixels(with_maps)[:, drawing.MARGIN : drawing.MARGIN + drawing.PANEL // 2]
    tops = [y for y in range(len(shown) - len(bar)) if (shown[y : y + len(bar)] == bar).all()]
    assert len(tops) == 1


def test_overlay_draws_the_part_that_was_seen() -> None:
    whole = pixels(overlay(GREY, [answer()]))
    part = pixels(overlay(GREY, [answer()], seen=(0.25, 0.25, 0.75, 0.75)))
    assert whole.shape == part.shape
    assert not np.array_equal(whole, part)
    assert np.array_equal(pixels(overlay(GREY, [answer()], seen=(0, 0, 1, 1))), whole)


@pytest.mark.parametrize("size", [(80, 40), (40, 80)])
def test_of_a_padded_image_s_map_what_lies_on_the_image_is_drawn(size: tuple[int, int]) -> None:
    """A map over a square, beside the picture in the square's middle."""
    attention = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    seen = (0.0, -0.5, 1.0, 1.5) if size[0] > size[1] else (-0.5, 0.0, 1.5, 1.0)
    ours = pixels(tinted_map(Image.new("RGB", size, "grey"), attention, size, seen=seen))
    square = pixels(tinted_map(Image.new("RGB", (80, 80), "grey"), attention, (80, 80)))
    middle = square[20:60] if size[0] > size[1] else square[:, 20:60]
    assert abs(ours.astype(int) - middle.astype(int)).max() <= 8


@pytest.mark.parametrize("suffix", ["blp", "h5", "xbm", "eps", ""])
def test_formats_that_hold_no_coloured_picture_are_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a picture format"):
        picture_format(tmp_path / f"look.{suffix}")


def test_every_format_that_is_offered_is_written(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 20), "red")
    for suffix in ("png", "jpg", "webp", "gif", "tif", "bmp", "jp2", "pdf"):
        image.save(tmp_path / f"look.{suffix}", picture_format(tmp_path / f"look.{suffix}"))
