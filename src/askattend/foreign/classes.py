"""A model of transformers' with what prepares its inputs, and those that choose an answer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from PIL import Image

from askattend.data.questions import QASet, Question
from askattend.errors import RunError
from askattend.features.images import open_image
from askattend.foreign.answer import SHORT, Ask, ForeignAnswer

_SENTENCES = "token_type_ids"
# Of models that follow no instructions: how BLIP-2 was asked (Li et al. 2023, arXiv 2301.12597).
_PLAIN = "Question: {question} Short answer:"


@dataclass(frozen=True)
class Loaded:
    """A model with what prepares its inputs.

    Attributes:
        model: transformers', in evaluation mode.
        processor: of texts and pictures.
        device: where the model is.
        ends: tokens by which it ends an answer that it writes.
        reads_padding: True where what it answers depends on padding.
    """

    model: Any
    processor: Any
    device: torch.device
    ends: frozenset[int] = frozenset()
    reads_padding: bool = False

    @property
    def chats(self) -> bool:
        """True where it follows instructions in turns, and so has a template for them."""
        own = getattr(self.processor, "chat_template", None)
        tokenizer = getattr(self.processor, "tokenizer", None)
        return bool(own or getattr(tokenizer, "chat_template", None))

    def prompt(self, given: str | None) -> str:
        """Return what is asked: what is given, or what suits it."""
        return given or (SHORT if self.chats else _PLAIN)

    def length(self, text: str) -> int:
        """Count the tokens of a text, as far as it can read it."""
        tokenizer = getattr(self.processor, "tokenizer", self.processor)
        return len(tokenizer(text, truncation=not self.chats)["input_ids"])

    def inputs(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Any:
        """Prepare images and a text about each; longer ones than it can read are cut off."""
        try:
            made = self._prepared(list(images), texts)
        except ValueError:
            if len(texts) == 1:
                raise
            made = self._prepared([[image] for image in images], texts)  # some want a list of each
        weight, taken = next(self.model.parameters()), signature(self.model.forward).parameters
        # A tokenizer may make it for any text; few models tell sentences apart, others refuse it.
        unused = () if _SENTENCES in taken else (_SENTENCES,)
        return {
            name: value.to(self.device, weight.dtype if value.is_floating_point() else None)
            for name, value in made.items()
            if isinstance(value, torch.Tensor) and name not in unused
        }

    def _prepared(self, images: list[Any], texts: Sequence[str]) -> Any:
        return self.processor(
            images=images,
            text=list(texts),
            return_tensors="pt",
            padding=len(texts) > 1,
            truncation=not self.chats,  # of turns, the end is what makes it answer
        )


def known_answers(config: Any) -> tuple[str, ...]:
    """List the answers that a classifier chooses from, by class."""
    return tuple(str(config.id2label[label]) for label in range(config.num_labels))


def ask_classifier(loaded: Loaded, questions: QASet) -> Ask:
    """Return what chooses the answer of the highest score, each of which is a sigmoid's.

    They are trained as one yes or no an answer (Kim et al. 2021, "ViLT", arXiv 2102.03334), so that
    they need not sum to 1.
    """
    names = known_answers(loaded.model.config)

    @torch.inference_mode()
    def ask(group: Sequence[Question]) -> list[ForeignAnswer]:
        image = open_image(questions.images[group[0].image])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            texts = [question.text for question in group]
            inputs = loaded.inputs([image] * len(texts), texts)
            scores = loaded.model(**inputs).logits.float().sigmoid().cpu()
        require_numbers(scores, group)
        best = scores.max(dim=-1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [ForeignAnswer(names[label].strip(), score) for label, score in pairs]

    return ask


def require_numbers(scores: torch.Tensor, group: Sequence[Question]) -> None:
    """Refuse to score what is no number.

    Raises:
        RunError: names the question.
    """
    if not torch.isfinite(scores).all():
        named = ", ".join(f"{question.id} (image {question.image})" for question in group)
        problem = f"the model answers with what is no number: {named}"
        raise RunError(problem, where="evaluation", remedy="Are its weights whole?")
