"""How each class of transformers' is asked: a choice among answers, or words one by one."""

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
from askattend.foreign.answer import SHORT, Ask, ForeignAnswer, prompt_of

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
    """

    model: Any
    processor: Any
    device: torch.device

    @property
    def chats(self) -> bool:
        """True where it follows instructions in turns, and so has a template for them."""
        own = getattr(self.processor, "chat_template", None)
        tokenizer = getattr(self.processor, "tokenizer", None)
        return bool(own or getattr(tokenizer, "chat_template", None))

    def prompt(self, given: str | None) -> str:
        """Return what is asked: what is given, or what suits it."""
        return given or (SHORT if self.chats else _PLAIN)

    def inputs(self, image: Image.Image, texts: Sequence[str]) -> Any:
        """Prepare an image and texts about it; longer ones than it can read are cut off."""
        made = self.processor(
            images=[image] * len(texts),
            text=list(texts),
            return_tensors="pt",
            padding=len(texts) > 1,
            truncation=not self.chats,  # of turns, the end is what makes it answer
        )
        weight, taken = next(self.model.parameters()), signature(self.model.forward).parameters
        # A tokenizer may make it for any text; few models tell sentences apart, others refuse it.
        unused = () if _SENTENCES in taken else (_SENTENCES,)
        return {
            name: value.to(self.device, weight.dtype if value.is_floating_point() else None)
            for name, value in made.items()
            if isinstance(value, torch.Tensor) and name not in unused
        }


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
            inputs = loaded.inputs(image, [question.text for question in group])
            scores = loaded.model(**inputs).logits.float().sigmoid().cpu()
        _require_numbers(scores, group)
        best = scores.max(dim=-1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [ForeignAnswer(names[label].strip(), score) for label, score in pairs]

    return ask


def ask_generator(loaded: Loaded, questions: QASet, prompt: str | None, max_tokens: int) -> Ask:
    """Return what says its answer word by word, the most probable word each time.

    One question at a time: padding beside others would change what some of the classes answer.
    """

    @torch.inference_mode()
    def ask(group: Sequence[Question]) -> list[ForeignAnswer]:
        image = open_image(questions.images[group[0].image])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [_said(loaded, image, question, prompt, max_tokens) for question in group]

    return ask


def _said(
    loaded: Loaded, image: Image.Image, question: Question, prompt: str | None, max_tokens: int
) -> ForeignAnswer:
    text = question.text if prompt is None else prompt_of(prompt, question.text)
    if prompt is not None and loaded.chats:
        text = _in_turns(loaded, text)
    made = loaded.model.generate(
        **loaded.inputs(image, [text]),
        max_new_tokens=max_tokens,
        do_sample=False,
        num_beams=1,
        output_scores=True,
        return_dict_in_generate=True,
    )
    scores = [step[0].float() for step in made.scores]
    # With the prompt before it, or a beginning of its own, whichever the class gives back.
    tokens = made.sequences[0][-len(scores) :] if scores else made.sequences[0][:0]
    steps = zip(scores, tokens.tolist(), strict=True)
    logs = [step.log_softmax(dim=-1)[token] for step, token in steps]
    total = torch.stack(logs).sum().exp() if logs else torch.tensor(1.0)
    _require_numbers(total[None, None].cpu(), [question])
    said = loaded.processor.decode(tokens, skip_special_tokens=True)
    return ForeignAnswer(said.strip(), min(float(total), 1.0))


def _in_turns(loaded: Loaded, text: str) -> str:
    """Write what is asked as the user's turn, a picture before it, in the model's own template."""
    content = [{"type": "image"}, {"type": "text", "text": text}]
    turns = [{"role": "user", "content": content}]
    holder = loaded.processor
    if not getattr(holder, "chat_template", None):
        holder = holder.tokenizer
    written: str = holder.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return written


def _require_numbers(scores: torch.Tensor, group: Sequence[Question]) -> None:
    """Refuse to score what is no number.

    Raises:
        RunError: names the question.
    """
    if not torch.isfinite(scores).all():
        named = ", ".join(f"{question.id} (image {question.image})" for question in group)
        problem = f"the model answers with what is no number: {named}"
        raise RunError(problem, where="evaluation", remedy="Are its weights whole?")
