"""Look at an image once, then ask it any number of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import get_args

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from askattend.data.vocab import PADDING
from askattend.devices import AnsweringPrecision, pick_device, pick_precision, require_precision
from askattend.errors import ConfigError, DataError, FeatureError, RunError
from askattend.features.backbones import backbone_of
from askattend.features.geometry import Crop, crop_of, square
from askattend.features.images import Source, open_image
from askattend.features.spec import NONE, Backbone
from askattend.features.store import FeatureStore
from askattend.metrics.calibration import Calibration
from askattend.models import ImageEncoding, Network
from askattend.models.kernels.int8 import round_to_eight_bits
from askattend.runs.run_folder import Run


@dataclass(frozen=True)
class Answer:
    """An answer: its text, how sure the model is, and where it looked.

    Attributes:
        question: as it was asked.
        text: the most probable answer.
        probability: its probability, 0 to 1.
        top: the most probable answers with their probabilities, falling; `text` comes first.
        attention: one map a glimpse or hop; each sums to 1 over rows and columns, row 0 on top.
        sure: True where the probability is high enough for the risk that the run was told to stay
            below; always, if it was told none.
    """

    question: str
    text: str
    probability: float
    top: tuple[tuple[str, float], ...]
    attention: Float[Tensor, "maps rows columns"] = field(repr=False)
    sure: bool = True

    @property
    def said(self) -> str:
        """The answer as it is told to people: ``"not sure; perhaps red"`` where it is not sure."""
        return self.text if self.sure else f"not sure; perhaps {self.text}"


@dataclass(frozen=True)
class Scene:
    """An image that has been looked at."""

    image: Image.Image
    _encoded: ImageEncoding = field(repr=False)
    _predictor: Predictor = field(repr=False)

    def ask(self, question: str, *, top: int = 5) -> Answer:
        """Answer one question; `top` is how many answers to list.

        Raises:
            DataError: the question has no word in it.
        """
        return self.ask_all([question], top=top)[0]

    def ask_all(self, questions: Sequence[str], *, top: int = 5) -> list[Answer]:
        """Answer several questions in one pass.

        Raises:
            DataError: a question has no word in it.
        """
        self._predictor.need_words(questions)
        return self._predictor.answer(self._encoded, [0] * len(questions), questions, top=top)

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
        if precision is not None:
            require_precision(precision, get_args(AnsweringPrecision))
        run = Run.load(folder)
        chosen = run.precision if precision is None else precision
        target = pick_device("cpu" if (device, chosen) == ("auto", "int8") else device)
        if chosen == "int8":
            model = _in_eight_bits(run.load_model(), target)
        else:
            model = run.load_model().to(target, pick_precision(chosen, target))
        return cls(run, model, backbone=backbone)

    @property
    def maps_name(self) -> str:
        """The paper's word for one attention map: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN)."""
        return self.model.maps_name

    def unknown_words(self, question: str) -> list[str]:
        """List words that were in no training question: the answer cannot rest on them."""
        return self.run.words.unlisted(question)

    def notes(self, question: str) -> list[str]:
        """Say what the one who asks should know of how a question is read."""
        remark, unknown = self.run.words.remark(question), self.unknown_words(question)
        unseen = [f"the model never saw: {', '.join(unknown)}"] if unknown else []
        return [remark, *unseen] if remark else unseen

    def need_words(self, questions: Sequence[str]) -> None:
        """Refuse questions that say nothing.

        Raises:
            DataError: a question has no word in it.
        """
        for question in questions:
            if not any(self.run.words.tokenise(question)):
                raise DataError(
                    "has no word in it", where=f"question '{question}'", remedy="Ask with words."
                )

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
        regions = self.backbone.regions(square(opened, self.backbone.spec)[None])
        return Scene(opened, self.look_at(regions), self)

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
    ) -> list[Answer]:
        """Answer questions about images already looked at.

        Args:
            image: what `look_at` gave.
            image_index: which of its images each question is about.
            questions: one without any word is asked as a single unknown one, as in training.
            top: how many answers to list.
        """
        if not questions:
            return []
        tokens = [torch.tensor(self.run.words.encode(question)) for question in questions]
        encoded = self.model.encode_question(
            pad_sequence(tokens, batch_first=True, padding_value=PADDING).to(self._device),
            torch.tensor([len(words) for words in tokens], device=self._device),
        )
        output = self.model.answer(image, encoded, torch.tensor(image_index, device=self._device))
        best = self._probabilities(output.logits).topk(min(top, len(self.run.answers)))
        grid = (self.run.features.rows, self.run.features.columns)
        maps = output.attention.float().unflatten(-1, grid).cpu()
        return [
            self._answer(question, indices, probabilities, attention)
            for question, indices, probabilities, attention in zip(
                questions, best.indices.tolist(), best.values.tolist(), maps, strict=True
            )
        ]

    def _probabilities(self, logits: Float[Tensor, "questions answers"]) -> Tensor:
        temperature = 1.0 if self.calibration is None else self.calibration.temperature
        return (logits.float() / temperature).softmax(dim=-1)

    def _answer(
        self, question: str, indices: list[int], probabilities: list[float], attention: Tensor
    ) -> Answer:
        texts = [self.run.answers.answers[index] for index in indices]
        ranked = tuple(zip(texts, probabilities, strict=True))
        return Answer(question, *ranked[0], ranked, attention, ranked[0][1] >= self.threshold)

    @cached_property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def _in_eight_bits(model: Network, device: torch.device) -> Network:
    if device.type != "cpu":
        raise ConfigError(
            f"weights of 8 bits are multiplied on a processor, not on {device}",
            where="precision",
            remedy='Set device="cpu", or another precision.',
        )
    round_to_eight_bits(model.float())
    return model
