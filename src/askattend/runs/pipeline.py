"""The pipeline for visual question answering that transformers removed: its calls and returns."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
from PIL import Image

from askattend.errors import ConfigError, DataError, ImageError, did_you_mean
from askattend.features.images import Source
from askattend.files.limits import FILE, MEBIBYTE
from askattend.runs.asking import answers_to_list, one_question
from askattend.runs.predictor import Answer, Predictor

TASKS = ("visual-question-answering", "vqa")
Scored = list[dict[str, Any]]
_ONE_IMAGE = (str, bytes, Path, Image.Image, np.ndarray)
# No picture is shorter as base64 text; no file's name is longer.
_SHORTEST_BASE64, _LONGEST_NAME = 64, 255
# What calls of that pipeline name and means nothing here: questions are read whole.
_WITHOUT_EFFECT = frozenset(("padding", "truncation", "num_workers"))


def pipeline(
    task: str = TASKS[0], model: str | Path | Predictor = "demo", *, device: str | int = "auto"
) -> VQAPipeline:
    """Make what ``transformers.pipeline("visual-question-answering", model=…)`` made up to 4.57.

    Args:
        task: ``"visual-question-answering"`` or ``"vqa"``.
        model: a run folder, a packed run, ``"demo"``, a name on the model hub, or a predictor.
        device: as for `Predictor.load`; or, as there, -1 for the processor, from 0 on for a GPU.

    Raises:
        ConfigError: another task, or there is no such device.
        RunError: there is no such run.
    """
    if task not in TASKS:
        raise ConfigError("no such task", where=task, remedy=did_you_mean(task, TASKS))
    if isinstance(model, Predictor):
        return VQAPipeline(model)
    if isinstance(device, int):
        device = "cpu" if device < 0 else f"cuda:{device}"
    return VQAPipeline(Predictor.from_pretrained(model, device=device))


class VQAPipeline:
    """Questions about images → for each, its most probable answers, ``{"score": …, "answer": …}``.

    Scores are probabilities; ViLT's there were sigmoids. Where the network looked, and whether an
    answer is sure, is told by `predictor`, see `Predictor.look`: nobody judges here.

    Args:
        predictor: what answers.
    """

    task = TASKS[0]

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def __call__(
        self,
        image: Any,
        question: str | list[str] | None = None,
        *,
        top_k: int = 5,
        timeout: float | None = None,
        batch_size: int = 8,
        **others: Any,
    ) -> Scored | list[Scored] | Iterator[Scored]:
        """Answer.

        Args:
            image: a path, an address (http, https), base64 text, a PIL image or an array; a list
                of them; or ``{"image": …, "question": …}``, a list or a generator of such.
            question: one, or a list. Several of several images: each question of all images.
            top_k: how many answers to list; all that there are, if it is more.
            timeout: seconds to wait for an address.
            batch_size: images that are looked at together.
            others: ``padding``, ``truncation`` and ``num_workers`` have no effect.

        Returns:
            for one pair its answers, the most probable first; a list of such for a list; for a
            generator an iterator, which takes from it as it goes.

        Raises:
            ImageError: an image is missing, or not one.
            DataError: a question is not one, or a pair lacks one.
            TypeError: there is no such argument.
        """
        if unknown := sorted(set(others) - _WITHOUT_EFFECT):
            raise TypeError(f"VQAPipeline takes no argument '{unknown[0]}'")
        top = answers_to_list(top_k)
        given = _paired(image, question)
        if isinstance(given, Mapping):
            return self._all([given], top, timeout)[0]
        if isinstance(given, _ONE_IMAGE) or not isinstance(given, Iterable):
            raise _no_pair(given)
        if isinstance(given, Sequence):
            return self._all(given, top, timeout)
        pairs = (_pair(each, timeout) for each in given)
        return map(_scored, self.predictor.answer_many(pairs, top=top, batch_size=batch_size))

    def _all(self, given: Sequence[Any], top: int, timeout: float | None) -> list[Scored]:
        """Answer a list of pairs; an image is looked at once, wherever in it its questions are."""
        places = dict[Any, list[int]]()
        for place, each in enumerate(given):
            places.setdefault(_identity(_parts(each)[0]), []).append(place)
        told = dict[int, Scored]()
        for same in places.values():
            image, _ = _pair(given[same[0]], timeout)
            questions = [_parts(given[place])[1] for place in same]
            answers = self.predictor.look(image).ask_all(questions, top=top)
            told |= zip(same, map(_scored, answers), strict=True)
        return [told[place] for place in range(len(given))]


def _scored(answer: Answer) -> Scored:
    return [{"score": score, "answer": text} for text, score in answer.top]


def _paired(image: Any, question: Any) -> Any:
    """Return one pair, a list of pairs, or what yields them."""
    if question is None:
        return image
    several = isinstance(image, Iterable) and not isinstance(image, _ONE_IMAGE)
    if not several and isinstance(question, str):
        return {"image": image, "question": question}
    questions = [question] if isinstance(question, str) else list(question)
    images = list(image) if several else [image]
    return [{"image": each, "question": asked} for asked in questions for each in images]


def _parts(given: Any) -> tuple[Any, str]:
    if not isinstance(given, Mapping) or not {"image", "question"} <= given.keys():
        raise _no_pair(given)
    return given["image"], one_question(given["question"])


def _pair(given: Any, timeout: float | None) -> tuple[Source, str]:
    image, question = _parts(given)
    return (_image(image, timeout) if isinstance(image, str) else image), question


def _no_pair(given: Any) -> DataError:
    has = f"has {', '.join(map(repr, given))}" if isinstance(given, Mapping) else "is none"
    remedy = 'Give image=… and question=…, or {"image": …, "question": …}.'
    return DataError(f"a pair of image and question was expected; this {has}", remedy=remedy)


def _identity(image: Any) -> Any:
    return image if isinstance(image, str | Path | bytes) else id(image)


def _image(given: str, timeout: float | None) -> Source:
    """Return what a text stands for: an address's content, base64, or a path as it is."""
    if urlsplit(given).scheme in ("http", "https"):
        return _fetched(given, timeout)
    if os.path.exists(given):  # which takes names of any length
        return given
    text = given.partition("base64,")[2] if given.startswith("data:image/") else given
    if len(text) < _SHORTEST_BASE64:
        return given
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        if len(given) <= _LONGEST_NAME:
            return given
        problem = "is neither a path, an address nor base64 text of an image"
        raise ImageError(problem, where=f"{given[:40]}…") from None


def _fetched(address: str, timeout: float | None) -> bytes:
    most = FILE.value() * MEBIBYTE
    try:
        with urlopen(address, timeout=timeout) as answer:
            content: bytes = answer.read(most + 1)
    except (OSError, HTTPException, ValueError) as error:
        problem = f"could not be fetched ({error})"
        raise ImageError(problem, where=address, remedy="Check the address.") from None
    if len(content) > most:
        problem = f"sends more than {FILE.value():,} MiB"
        raise ImageError(problem, where=address, remedy=FILE.how_to_raise())
    return content
