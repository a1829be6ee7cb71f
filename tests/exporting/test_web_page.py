"""The exported page in Chromium: pictures, words and answers as the package has them."""

from __future__ import annotations

import io
import random
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Page

from askattend.data.readers.registry import read_source
from askattend.data.text import pytorch_vqa_words, tokenise
from askattend.data.vocab import WordVocab
from askattend.data.word_spans import pytorch_vqa_spans, word_spans
from askattend.exporting.export import Export
from askattend.exporting.web_page import PAGE
from askattend.features.geometry import crop_of, shown_regions, square
from askattend.features.images import open_image
from askattend.runs.predictor import Predictor
from askattend.runs.question_reader import QuestionReader
from askattend.tracing.trained_run import trace_predictor
from exporting.deep_png import deep_png
from exporting.in_browser import add_scripts, opened
from page.browser import Visit, required_browser, visit
from small_networks import SPEC

pytestmark = pytest.mark.xdist_group("exporting")
ROOT = Path(__file__).parents[2]
SPECS = {
    "squash": replace(SPEC, image_size=64),
    "centre-crop": replace(
        SPEC, image_size=64, geometry="centre-crop", interpolation="bilinear", central_fraction=0.8
    ),
    "pad": replace(SPEC, image_size=64, geometry="pad", rows=8, columns=8),
}
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with required_browser() as found:
        yield found


@pytest.fixture(scope="module")
def empty(browser: Browser) -> Page:
    """A page with the exported one's scripts, and nothing else."""
    return add_scripts(browser.new_page())


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Noise in patches, so that resampling has something to do."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (height // 9 + 2, width // 9 + 2, channels)
    noise = np.random.default_rng(width).integers(0, 256, shape, dtype=np.uint8)
    patches = Image.fromarray(noise.squeeze(), mode)
    return patches.resize((width, height), Image.Resampling.BICUBIC)


def file(image: Image.Image, form: str, **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, form, **options)
    return written.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    """Yield pictures of many sizes, modes, formats, depths and orientations."""
    for size in (
        (64, 64),
        (1, 1),
        (3, 200),
        (200, 3),
        (63, 65),
        (400, 130),
        (193, 192),
        (150, 420),
    ):
        yield f"{size[0]} × {size[1]}", file(picture(*size), "PNG")
    for mode in ("L", "LA", "RGBA"):
        yield mode, file(picture(99, 70, mode), "PNG")
    yield "1 bit", file(picture(99, 70, "L").convert("1"), "PNG")
    yield "palette", file(picture(99, 70).convert("P"), "PNG")
    for form in ("GIF", "BMP", "JPEG"):
        yield form, file(picture(99, 70), form)
    yield "WebP", file(picture(99, 70), "WEBP", lossless=True)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        for form, options in (("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})):
            yield f"{form}, {orientation}", file(picture(40, 30), form, exif=exif, **options)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    yield "PNG, XMP", file(picture(40, 30), "PNG", pnginfo=text)
    yield "WebP, XMP", file(picture(40, 30), "WEBP", lossless=True, xmp=xmp)
    for top in (40, 255, 700, 4095, 12_000, 65_535):
        values = np.random.default_rng(top).integers(0, top + 1, (50, 77)).astype(np.uint16)
        values[0, 0] = top
        yield f"grey to {top}", file(Image.fromarray(values), "PNG")
    yield from deep_files()


def deep_files() -> Iterator[tuple[str, bytes]]:
    """Yield PNGs of 16 bits, interlaced and not, small ones of which lack some passes."""
    drawn = np.random.default_rng(0)
    for interlaced in (False, True):
        for channels in (1, 2, 3, 4):
            values = drawn.integers(0, 65_536, (41, 77, channels)).astype(np.uint16)
            about = f"16 bits, {channels} channels" + ", interlaced" * interlaced
            yield about, deep_png(values, interlaced=interlaced)
        for channels in (1, 3):
            values = drawn.integers(0, 65_536, (41, 77, channels)).astype(np.uint16)
            chosen = values[20, 30].astype(">u2").tobytes()
            about = f"16 bits, {channels} channels, one transparent" + ", interlaced" * interlaced
            yield about, deep_png(values, interlaced=interlaced, transparent=chosen)
    for top in (90, 900, 4000):
        values = drawn.integers(0, top + 1, (50, 33, 1)).astype(np.uint16)
        yield f"interlaced grey to {top}", deep_png(values, interlaced=True)
    for height, width in ((1, 1), (1, 6), (6, 1), (2, 3), (5, 5), (8, 9)):
        values = drawn.integers(0, 65_536, (height, width, 1)).astype(np.uint16)
        yield f"interlaced grey, {width} × {height}", deep_png(values, interlaced=True)


def test_pictures_become_the_squares_that_pillow_makes(empty: Page) -> None:
    for name, content in files():
        image = open_image(content)
        # A JPEG's own numbers are for each decoder to round.
        off = 2 if "JPEG" in name else 0
        for geometry, spec in SPECS.items():
            found = opened(empty, content, spec)
            about = f"{name}, {geometry}"
            assert (found["width"], found["height"]) == image.size, about
            pixels = np.asarray(image).astype(int)
            assert np.abs(pixels - found["pixels"]).max() <= off, about
            wanted = square(image, spec).numpy().astype(int)
            assert np.abs(wanted - found["square"]).max() <= off, about
            np.testing.assert_allclose(found["seen"], crop_of(image.size, spec), atol=1e-12)
            shown = shown_regions(image.size, spec)
            told = None if shown is None else "".join(str(int(each)) for each in shown)
            assert found["shown"] == told, about


def test_what_is_no_picture_is_refused(empty: Page) -> None:
    content = file(picture(99, 70), "PNG")
    for broken in (b"", b"GIF89a", content[:60]):
        with pytest.raises(Exception, match="could not be decoded"):
            opened(empty, broken, SPECS["squash"])


def questions() -> list[str]:
    """Return questions in many scripts, and all that divides or joins words."""
    drawn = random.Random(0)
    known = [chr(code) for code in range(0x20, 0x3134F) if unicodedata.category(chr(code)) != "Cn"]
    scripts = [char for char in known if not "\ud800" <= char <= "\udfff"]
    joining = list("abc 12.'_-?`’é\u0301中ΣσςAİß·׳״｀ｶﾞ%&#@$+\u00ad\u200b\u200d😀.,")
    written = [
        "What's the T-shirt’s colour?",
        "3.5 is. it",
        "",
        " ",
        "İstanbul ΑΣ Σ",
        "x·y a_b 1.2.3",
    ]
    for pool, count in ((scripts, 700), (joining, 700)):
        for _ in range(count):
            written.append("".join(drawn.choice(pool) for _ in range(drawn.randrange(1, 14))))
    return written


def test_questions_are_divided_as_the_package_divides_them(empty: Page) -> None:
    asked = questions()
    names = ("words", "spans", "pytorchVqaWords", "pytorchVqaSpans")
    call = "asked => [" + ", ".join(f"asked.map(askattendQuestions.{name})" for name in names) + "]"
    found = empty.evaluate(call, asked)
    ours: tuple[Any, ...] = (tokenise, word_spans, pytorch_vqa_words, pytorch_vqa_spans)
    for divide, theirs in zip(ours, found, strict=True):
        for question, words in zip(asked, theirs, strict=True):
            assert [*map(_as_list, divide(question))] == words, ascii(question)


def test_words_that_are_written_in_another_way_are_told(empty: Page) -> None:
    listed = ("<pad>", "<unk>", "garbage_bin", "coffee", "cup", "what's", "trash", "can", "is")
    reader = QuestionReader(WordVocab(listed), listed)
    drawn = random.Random(1)
    parts = ["garbage bin", "garbagebin", "coffee_cup", "whats", "trash_can", "is", "zebra", "a"]
    asked = [" ".join(drawn.choices(parts, k=drawn.randrange(1, 6))) for _ in range(200)]
    call = """([list, asked]) => { const read = new askattendQuestions.Vocabulary(
      { list, tokeniser: 'askattend', unknown: 1 });
      return asked.map(each => read.notes(each)); }"""
    for question, found in zip(asked, empty.evaluate(call, [listed, asked]), strict=True):
        notes = [note for note in reader.notes(question) if note.startswith("it knows")]
        assert sorted(found) == sorted(notes), question


def _as_list(found: Any) -> Any:
    return list(found) if isinstance(found, tuple) else found


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(exported: Export) -> Iterator[str]:
    """The exported folder on a plain web server."""
    if not (exported.folder / PAGE).exists():
        pytest.skip("no onnxruntime-web on this machine: python tools/fetch_onnxruntime_web.py")
    handler = partial(Quiet, directory=str(exported.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Visit]:
    with visit(browser, address) as seen:
        yield seen


def test_it_answers_in_the_browser_as_the_run_itself(page: Visit, demo: Predictor) -> None:
    asked = ("what color is the shape?", "is there a purple zebra?", "is there not a circle?")
    images = read_source("easy-vqa").split("test").images
    for picture in (ROOT / "docs" / "drawing.png", *islice(images.values(), 2)):
        page.choose_image(picture)
        scene = demo.look(picture)
        for question in asked:
            page.ask(question)
            found, answer = page.reply(), scene.ask(question)
            assert (found["answer"], found["sure"]) == (answer.text, answer.sure)
            assert tuple(found["unknown_words"]) == answer.unknown_words
            assert found["unlike_training"] == answer.unlike_training
            for told, (text, probability) in zip(found["top"], answer.top, strict=True):
                assert abs(told["probability"] - probability) < 1e-3
                assert told["answer"] == text or probability < 1e-3
            maps = np.array(found["attention"]["values"])
            np.testing.assert_allclose(maps, answer.attention.numpy(), rtol=0, atol=1e-3)
            effects = scene.word_effects(question)
            assert [(e["text"], e["start"]) for e in found["words"]] == [
                (effect.text, effect.start) for effect in effects
            ]
            drops = [effect.drop for effect in effects]
            np.testing.assert_allclose([e["drop"] for e in found["words"]], drops, atol=1e-3)


def test_an_edited_map_leads_to_the_answer_that_the_run_gives(page: Visit, demo: Predictor) -> None:
    picture, question = ROOT / "docs" / "drawing.png", "what color is the shape?"
    page.choose_image(picture)
    page.ask(question)
    page.page.click(".edit")
    page.page.click(".even")
    page.wait_for("Boolean(VIEWS[0].edit?.reply) && !VIEWS[0].edit.sending")
    even = np.ones((2, 10, 10))
    wanted = demo.look(picture).ask(question, edited=even)
    found = page.value("VIEWS[0].edit.reply")
    assert found["answer"] == wanted.text
    assert abs(found["probability"] - wanted.probability) < 1e-3


@pytest.mark.parametrize("question", ["circle?", "is there a purple zebra in it, or a circle?"])
def test_it_tells_the_steps_that_the_run_tells(page: Visit, demo: Predictor, question: str) -> None:
    picture = ROOT / "docs" / "drawing.png"
    page.choose_image(picture)
    page.ask(question)
    page.page.get_by_role("tab", name="Inside the model").click()
    page.page.locator(".steps").wait_for()
    told = page.value("VIEWS[0].original.trace")
    wanted = trace_predictor(demo, question, lambda: [demo.look(picture).ask(question)])
    assert told["totals"]["parameters"] == wanted.totals.parameters
    assert told["totals"]["flops"] == wanted.totals.flops
    assert (told["answer"], told["network"]) == (wanted.answer, wanted.network)
    for found, step in zip(told["steps"], wanted.steps, strict=True):
        for name in ("symbol", "equation", "meaning", "name", "paper_shape", "parameters", "flops"):
            assert found[name] == getattr(step, name), step.name
        if step.values is not None and step.name != "states":
            ends = [step.values.least, step.values.greatest]
            found_ends = [found["values"]["least"], found["values"]["greatest"]]
            np.testing.assert_allclose(found_ends, ends, rtol=1e-2, atol=1e-3, err_msg=step.name)
        else:
            assert "values" not in found
        if step.maps is not None:
            np.testing.assert_allclose(found["maps"], step.maps, rtol=0, atol=1e-3)
        words = [(word.word, word.index) for word in step.words or []]
        assert [(word["word"], word["index"]) for word in found.get("words", [])] == words
    assert page.faults() == []
    page.picture("exported steps")


def test_it_looks_and_works_like_the_services_page(page: Visit, tmp_path: Path) -> None:
    assert page.page.inner_text("#privacy").startswith("Images stay in this browser")
    page.choose_image(ROOT / "docs" / "drawing.png")
    page.ask("what color is the shape?")
    assert "SAAA" in page.value("document.querySelector('#facts').textContent")
    assert page.page.locator("canvas[data-overlay=shown]").count() == 1
    assert page.page.locator("[role=tab]").count() == 2
    assert "9% of 1,844 validation questions" in page.page.inner_text("#quality summary")
    assert "Sure or not: not judged" in page.page.locator(".reply").first.inner_text()
    assert page.faults() == []
    page.picture("exported")
    page.page.fill("#question", "?!")
    page.page.press("#question", "Enter")
    page.wait_for("!document.querySelector('#ask-error').hidden")


def test_a_file_that_is_no_picture_is_told(page: Visit, tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_bytes(b"dear")
    page.page.set_input_files("#file", tmp_path / "letter.png")
    page.wait_for("!document.querySelector('#start-error').hidden")
    assert "not an image" in page.page.inner_text("#start-error")


def test_a_model_that_is_not_there_is_told_and_tried_again(
    browser: Browser, address: str, exported: Export
) -> None:
    with visit(browser, address) as seen:
        gone = exported.folder / "question.onnx"
        hidden = gone.rename(exported.folder / "hidden")
        try:
            seen.page.set_input_files("#file", ROOT / "docs" / "drawing.png")
            seen.wait_for("Boolean(state.image?.id)")
            seen.page.fill("#question", "what color is the shape?")
            seen.page.press("#question", "Enter")
            seen.wait_for("!document.querySelector('#ask-error').hidden")
            assert "could not be read" in seen.page.inner_text("#ask-error")
        finally:
            hidden.rename(gone)
        seen.page.click("#ask-error button")
        seen.wait_for_answer("what color is the shape?")
        seen.forgive(404)
