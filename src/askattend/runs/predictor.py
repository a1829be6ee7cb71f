"""Look at an image once, then ask it any number of questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from askattend.data.vocab import PADDING
from askattend.devices import AnsweringPrecision
from askattend.errors import FeatureError, RunError
from askattend.features.backbones import backbone_of
from askattend.features.geometry import Crop, crop_of, regions_of
from askattend.features.images import Source, open_image
from askattend.features.spec import NONE, Backbone
from askattend.features.store import FeatureStore
from askattend.metrics.calibration import Calibration
from askattend.models import ImageEncoding, Network, Output
from askattend.models.edited_attention import EditedAttention
from askattend.models.word_embedding import with_unseen_words
from askattend.runs.answer import Answer as Answer
from askattend.runs.answering import load_to_answer
from askattend.runs.question_reader import QuestionReader
from askattend.runs.run_folder import Run


@dataclass(frozen=True)
class Scene:
    """An image that has been looked at."""

    image: Image.Image
    _encoded: ImageEncoding = field(repr=False)
    _predictor: Predictor = field(repr=False)

    def ask(self, question: str, *, top: int = 5, edited: Any = None) -> Answer:
        """Answer one question.

        Args:
            question: in words.
            top: how many answers to list.
            edited: attention maps to pool with in the place of the network's own: maps × rows ×
                columns, as a tensor, an array or nested lists, from 0 on; they are scaled to sum
                to 1. In a list, None stands for a map that is left to the network. A later hop of
                SAN's that is left to it follows from what the edited ones before it saw.

        Raises:
            DataError: the question has no word in it; or the edited maps do not fit, or the
                network does not attend.
        """
        return self.ask_all([question], top=top, edited=edited)[0]

    def ask_all(
        self, questions: Sequence[str], *, top: int = 5, edited: Any = None
    ) -> list[Answer]:
        """Answer several questions in one pass; `edited` serves them all, see `ask`.

        Raises:
            DataError: as `ask`.
        """
        self._predictor.need_words(questions)
        image_index = [0] * len(questions)
        return self._predictor.answer(self._encoded, image_index, questions, top=top, edited=edited)

    @property
    def seen(self) -> Crop:
        """The part of the image that the backbone saw, which attention maps lie over."""
        return crop_of(self.image.size, self._predictor.backbone.spec)


class Predictor:
    """A trained network with its vocabularies and backbone.

    Args:
        run: the run folder's settings and vocabularies.
        model: the network with trained weights.
        backbone: the name of its backbone, where the run does not know it or knows it by another.
    """

    def __init__(self, run: Run, model: Network, *, backbone: str | None = None) -> None:
        self.run, self.model, self._backbone_name = run, model.eval(), backbone
        self.reader = QuestionReader(run.words, run.words.words, run.vectors)
        self.calibration = run.load_calibration()
        self.threshold = 0.0 if self.calibration is None else self.calibration.threshold()

    @property
    def renamed(self) -> bool:
        """True where the backbone was named by who loaded the run."""
        return self._backbone_name is not None

    def abstain_above(self, risk: float) -> None:
        """Stop being sure of answers whose probability means a greater risk than this, 0 to 1.

        Raises:
            RunError: the run was never evaluated, so that its risk is not known.
        """
        if self.calibration is None:
            raise RunError(
                "its risk is not known",
                where=self.run.folder,
                remedy=f"Evaluate it first: askattend evaluate {self.run.folder}.",
            )
        self.threshold = self.calibration.threshold(risk)

    def recalibrate(self, calibration: Calibration) -> None:
        """Save in the run what was learnt of its probabilities, and answer by it from now on."""
        self.run.save_calibration(calibration)
        self.calibration, self.threshold = calibration, calibration.threshold()

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str = "auto",
        precision: AnsweringPrecision | None = None,
        backbone: str | None = None,
    ) -> Predictor:
        """Read a run folder.

        Args:
            folder: the run folder.
            device: where to compute.
            precision: type of weights and products; by default the run's, which is ``"auto"``
                (bfloat16 where the processor has it) unless it was trained otherwise. ``"int8"`` is
                for questions asked one by one of a network of the papers' size, on a processor
                (which ``device="auto"`` then is); see `round_to_eight_bits`.
            backbone: its name, where the run does not know it: ``"hf:microsoft/resnet-152"``.

        Raises:
            RunError: a file of the run is missing or does not fit.
            ConfigError: there is no such device or precision, or 8 bits are asked for on a GPU.
        """
        run = Run.load(folder)
        model = load_to_answer(run, device=device, precision=precision)
        return cls(run, model, backbone=backbone)

    @property
    def maps_name(self) -> str:
        """The paper's word for one attention map: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN)."""
        return self.model.maps_name

    def knowing(self, questions: Iterable[str]) -> Predictor:
        """Return a predictor that reads the questions' unseen words by their vectors.

        A run trained with word vectors finds there what was in no training question. It is itself
        where there is no such word; else it shares all weights, and its run's vocabulary holds the
        unseen words behind the run's own.
        """
        reader = self.reader.knowing(questions)
        if reader is self.reader:
            return self
        other = copy(self)
        other.reader = reader
        if reader.words is not self.reader.words:
            other.run = replace(self.run, words=reader.words)
            vectors = torch.from_numpy(reader.unseen.vectors)
            other.model = with_unseen_words(self.model, vectors)
        return other

    def unknown_words(self, question: str) -> list[str]:
        """List words that the answer cannot rest on: in no training question, without a vector."""
        return self.knowing([question]).run.words.unlisted(question)

    def words_by_vector(self, question: str) -> list[str]:
        """List words that were in no training question, and are read by their vectors alone."""
        return self.knowing([question]).reader.by_vector(question)

    def notes(self, question: str) -> list[str]:
        """Say what the one who asks should know of how a question is read."""
        return self.knowing([question]).reader.notes(question)

    def need_words(self, questions: Sequence[str]) -> None:
        """Refuse questions that say nothing.

        Raises:
            DataError: a question has no word in it.
        """
        self.reader.need_words(questions)

    @cached_property
    def backbone(self) -> Backbone:
        """The frozen network that made the run's features; loaded when first needed.

        Raises:
            FeatureError: it is not to be had here, its weights are not those of the run, or the
                run is an imported one that does not know its backbone and none was named.
        """
        where = f"run {self.run.folder}"
        loaded = backbone_of(self.run.features, name=self._backbone_name, where=where)
        return loaded.to(self._device)

    @torch.inference_mode()
    def look(self, image: Source) -> Scene:
        """Extract and project an image's regions.

        Args:
            image: a path, a file's bytes, a PIL image, or an array (height × width × channels).

        Raises:
            ImageError: the image is missing, truncated or not an image.
            FeatureError: the run's backbone is not to be had.
        """
        opened = open_image(image)
        return Scene(opened, self.look_at(regions_of(opened, self.backbone)), self)

    @torch.inference_mode()
    def look_at(self, regions: Float[Tensor, "images regions region_dim"]) -> ImageEncoding:
        """Project features that were extracted before."""
        return self.model.encode_image(regions.to(self._device))

    def ask_stored(
        self, store: FeatureStore, image_id: str, questions: Sequence[str], *, top: int = 5
    ) -> list[Answer]:
        """Answer questions about an image of a feature store; the picture is not needed.

        Raises:
            FeatureError: the store's features do not go with the run's, or it lacks the image; or
                the network does not use the image.
            DataError: a question has no word in it.
        """
        if self.run.features.backbone == NONE:
            raise FeatureError(
                "its network does not use the image, and has no features",
                where=f"run {self.run.folder}",
                remedy="Leave out --features, and name any picture.",
            )
        self.run.features.require(store.spec, where=store.path)
        self.need_words(questions)
        if self.run.features.coordinates:
            store = store.with_coordinates()
        image = self.look_at(store.read([image_id]))
        return self.answer(image, [0] * len(questions), questions, top=top)

    @torch.inference_mode()
    def answer(
        self,
        image: ImageEncoding,
        image_index: Sequence[int],
        questions: Sequence[str],
        *,
        top: int = 5,
        edited: Any = None,
    ) -> list[Answer]:
        """Answer questions about images already looked at.

        Args:
            image: what `look_at` gave.
            image_index: which of its images each question is about.
            questions: one without any word is asked as a single unknown one, as in training.
            top: how many answers to list.
            edited: attention maps for all questions; see `Scene.ask`.

        Raises:
            DataError: the edited maps do not fit, or the network does not attend.
        """
        if not questions:
            return []
        if (knowing := self.knowing(questions)) is not self:
            return knowing.answer(image, image_index, questions, top=top, edited=edited)
        tokens = [self.run.words.encode(question) for question in questions]
        output = self._output(image, image_index, tokens, edited)
        best = self._probabilities(output.logits).topk(min(top, len(self.run.answers)))
        grid = (self.run.features.rows, self.run.features.columns)
        maps = output.attention.float().unflatten(-1, grid).cpu()
        return [
            self._answer(question, indices, probabilities, attention)
            for question, indices, probabilities, attention in zip(
                questions, best.indices.tolist(), best.values.tolist(), maps, strict=True
            )
        ]

    def _output(
        self,
        image: ImageEncoding,
        image_index: Sequence[int],
        tokens: Sequence[Sequence[int]],
        edited: Any = None,
    ) -> Output:
        padded = pad_sequence(
            [torch.tensor(words) for words in tokens], batch_first=True, padding_value=PADDING
        )
        lengths = torch.tensor([len(words) for words in tokens], device=self._device)
        about = torch.tensor(image_index, device=self._device)
        question = self.model.encode_question(padded.to(self._device), lengths)
        if edited is None:
            return self.model.answer(image, question, about)
        rows, columns = self.run.features.rows, self.run.features.columns
        maps = EditedAttention.of(edited, rows=rows, columns=columns)
        return self.model.answer(image, question, about, maps)

    def _probabilities(self, logits: Float[Tensor, "questions answers"]) -> Tensor:
        temperature = 1.0 if self.calibration is None else self.calibration.temperature
        return (logits.float() / temperature).softmax(dim=-1)

    def _answer(
        self, question: str, indices: list[int], probabilities: list[float], attention: Tensor
    ) -> Answer:
        texts = [self.run.answers.answers[index] for index in indices]
        ranked = tuple(zip(texts, probabilities, strict=True))
        sure = ranked[0][1] >= self.threshold and self.reader.knows_any(question)
        unknown = tuple(dict.fromkeys(self.run.words.unlisted(question)))
        return Answer(question, *ranked[0], ranked, attention, sure, unknown)

    @cached_property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device
