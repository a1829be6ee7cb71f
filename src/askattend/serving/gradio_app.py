"""A run as an app of Gradio's, for a Space on the model hub or a notebook."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image

from askattend.drawing.overlay import fit_long_side, tinted_map
from askattend.drawing.scale import scale_in_words
from askattend.errors import AskAttendError, ConfigError, DataError
from askattend.features.images import open_image
from askattend.installation import pip_install
from askattend.metrics.shares import percent
from askattend.runs.answer import Answer
from askattend.runs.map_description import describe_map
from askattend.runs.predictor import Predictor
from askattend.runs.scene import Scene
from askattend.runs.word_effects import WordEffect

# Images that are kept, so that further questions about one need no second look.
SCENES = 32
LONG_SIDE = 640  # of a picture with a map over it, pixels


def gradio_app(run: str | Path | Predictor, *, title: str = "Ask about an image") -> Any:
    """Make an app in which people ask a run about their images, and see where it looked.

    >>> app = askattend.gradio_app("runs/demo")  # doctest: +SKIP
    >>> app.launch()  # doctest: +SKIP

    Programs reach it as ``/ask``, from a picture and a question to the answer in words, the most
    probable answers, a picture a glimpse or hop and what each word contributes.

    Args:
        run: a run folder, or a predictor.
        title: what stands above it.

    Returns:
        a ``gradio.Blocks``, to be launched.

    Raises:
        RunError: the run folder is incomplete.
        ConfigError: Gradio is not installed.
    """
    gradio = _gradio()
    predictor = run if isinstance(run, Predictor) else Predictor.load(run)
    asking = _Asking(predictor)

    def ask(picture: str | None, question: str) -> tuple[Any, ...]:
        try:
            return asking.ask(picture, question)
        except AskAttendError as error:
            raise gradio.Error(str(error), print_exception=False) from None

    # Nothing is told to Gradio's makers: not that it was started, nor by whom.
    with gradio.Blocks(title=title, analytics_enabled=False) as app:
        gradio.Markdown(f"# {title}")
        with gradio.Row():
            with gradio.Column():
                # The file as it is: an image is opened as every other road opens it.
                picture = gradio.Image(label="Image", type="filepath", image_mode=None)
                question = gradio.Textbox(label="Question", max_length=500)
                button = gradio.Button("Ask", variant="primary")
                if suggestions := predictor.run.suggestions:
                    gradio.Examples([[text] for text in suggestions], question, label="For example")
            with gradio.Column():
                said = gradio.Markdown()
                top = gradio.Label(label="Most probable answers", show_heading=False)
                words = gradio.HighlightedText(
                    label="What each word contributes to the answer's probability"
                )
                features = predictor.run.features
                scale = scale_in_words(features.rows * features.columns)
                maps = gradio.Gallery(label=f"Where it looked ({scale})", object_fit="contain")
        for event in (button.click, question.submit):
            public = "public" if event == button.click else "private"
            outputs = [said, top, maps, words]
            event(ask, [picture, question], outputs, api_name="ask", api_visibility=public)
    return app


class _Asking:
    """Answers as the app shows them; an image is looked at once, however much is asked of it."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor, self._lock = predictor, Lock()
        self._scenes: OrderedDict[str, Scene] = OrderedDict()

    def ask(self, picture: str | None, question: str) -> tuple[Any, ...]:
        """Return the answer in words, the top answers, the maps, and the words' effects."""
        if picture is None:
            raise DataError("no image", remedy="Choose one first.")
        with self._lock:  # Gradio calls from several threads
            scene = self._scene(picture)
            answer, effects = scene.ask(question), scene.word_effects(question)
        maps = self._maps(scene, answer)
        return self._said(answer), dict(answer.top), maps, _marked(question, effects)

    def _said(self, answer: Answer) -> str:
        lines = [f"## {answer.said}", percent(answer.probability)]
        notes = [*self._predictor.notes(answer.question), *answer.notes]
        lines += [f"*{note}*" for note in (*notes, *self._predictor.unjudged([answer]))]
        if self._predictor.model.attends:
            name = self._predictor.maps_name
            told = enumerate(map(describe_map, answer.attention), 1)
            lines.append("\n".join(f"- {name} {number}: {words}" for number, words in told))
        return "\n\n".join(lines)

    def _scene(self, picture: str) -> Scene:
        # Gradio names an uploaded file after its content, so the same name is the same image.
        if picture not in self._scenes:
            image = open_image(Path(picture), name="the image")
            self._scenes[picture] = self._predictor.scene(image, self._predictor.regions(image))
        self._scenes.move_to_end(picture)
        if len(self._scenes) > SCENES:
            self._scenes.popitem(last=False)
        return self._scenes[picture]

    def _maps(self, scene: Scene, answer: Answer) -> list[tuple[Image.Image, str]]:
        if not self._predictor.model.attends:
            return []
        photo, maps = fit_long_side(scene.image, LONG_SIDE), answer.attention
        tinted = [tinted_map(photo, each, photo.size, seen=scene.seen) for each in maps]
        name = self._predictor.maps_name
        return [(picture, f"{name} {number}") for number, picture in enumerate(tinted, 1)]


def _marked(question: str, effects: list[WordEffect]) -> list[tuple[str, float | None]]:
    """Divide a question into its words, each with its effect, and what stands between them."""
    parts: list[tuple[str, float | None]] = []
    end = 0
    for effect in effects:
        parts += [(question[end : effect.start], None), (effect.text, effect.drop)]
        end = effect.end
    return [(text, drop) for text, drop in [*parts, (question[end:], None)] if text]


def _gradio() -> Any:
    try:
        import gradio
    except ImportError:
        problem = "the package gradio is not installed"
        raise ConfigError(
            problem, where="gradio_app", remedy=f"Run: {pip_install('gradio')}"
        ) from None
    return gradio
