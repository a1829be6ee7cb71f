"""Models that say their answers word by word: several questions at once, or one after the other."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from rich.console import Console

from askattend.data.questions import QASet, Question
from askattend.environment.console import print_line
from askattend.features.images import open_image
from askattend.foreign.answer import ForeignAnswer, prompt_of
from askattend.foreign.classes import Loaded, require_numbers

# Pixels that are opened together, a picture's for each of its questions: as much memory as one
# large photo takes, whatever the batch.
_PIXELS = 2**25
# Together, numbers are added in another order: as much may logarithms of probabilities differ.
_ROUNDING, _IN_HALF_PRECISION = 1e-3, 0.2

_BLIP = "BlipForQuestionAnswering"

Asked = tuple[Image.Image, Question]


@dataclass
class Generator:
    """Asks for answers, the most probable word each time.

    The first questions that are asked together are asked one at a time as well: where a model's
    answers differ, since it reads padding or places words by it, or where its processor takes one
    picture alone, all others are asked one at a time.

    Args:
        loaded: the model.
        questions: whose pictures are shown.
        prompt: what is asked, with ``{question}`` in it; None for the question alone.
        max_tokens: that an answer may have.
        console: where it is said that questions are asked one at a time.
    """

    loaded: Loaded
    questions: QASet
    prompt: str | None
    max_tokens: int
    console: Console
    _together: bool | None = field(default=None, init=False)

    @torch.inference_mode()
    def __call__(self, group: Sequence[Question]) -> list[ForeignAnswer]:
        """Answer some questions about any images.

        Raises:
            ImageError: a picture cannot be opened.
            RunError: the model's probabilities are no numbers.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [
                answer for part in _parts(self.questions, group) for answer in self._answers(part)
            ]

    def _answers(self, part: Sequence[Asked]) -> list[ForeignAnswer]:
        if len(part) == 1 or self._together is False:
            return self._one_by_one(part)
        if self._together:
            return self._all_said(part)
        alone = self._one_by_one(part)
        try:
            together = self._all_said(part)
        except Exception as error:  # a class that takes one at a time may raise anything
            self._say_alone(f"together it fails: {str(error) or type(error).__name__}"[:200])
            return alone
        exact = next(self.loaded.model.parameters()).dtype == torch.float32
        self._together = all(map(_alike, alone, together, [exact] * len(alone)))
        if not self._together:
            self._say_alone("together it answers otherwise")
        return alone

    def _say_alone(self, why: str) -> None:
        self._together = False
        print_line(self.console, f"note: questions are asked one at a time ({why})")

    def _one_by_one(self, part: Sequence[Asked]) -> list[ForeignAnswer]:
        return [answer for each in part for answer in self._said([each])]

    def _all_said(self, part: Sequence[Asked]) -> list[ForeignAnswer]:
        """Answer questions together; a model that reads padding, those of equal length."""
        if not self.loaded.reads_padding:
            return self._said(part)
        lengths = [self.loaded.length(self._text(question)) for _, question in part]
        answers = dict[int, ForeignAnswer]()
        for length in dict.fromkeys(lengths):
            places = [place for place, own in enumerate(lengths) if own == length]
            answers |= dict(zip(places, self._said([part[at] for at in places]), strict=True))
        return [answers[place] for place in range(len(part))]

    def _said(self, part: Sequence[Asked]) -> list[ForeignAnswer]:
        """Answer questions about their images in one pass a word."""
        texts = [self._text(question) for _, question in part]
        made = self.loaded.model.generate(
            **self.loaded.inputs([image for image, _ in part], texts),
            max_new_tokens=self.max_tokens,
            do_sample=False,
            num_beams=1,
            output_scores=True,
            return_dict_in_generate=True,
        )
        answers = []
        for row, (_, question) in enumerate(part):
            # With the prompt before it, or a beginning of its own, whichever the class gives back.
            tokens = made.sequences[row][made.sequences.shape[1] - len(made.scores) :].tolist()
            tokens = tokens[: _length(tokens, self.loaded.ends)]
            steps = zip(made.scores, tokens, strict=False)
            logs = [step[row].float().log_softmax(dim=-1)[token] for step, token in steps]
            total = torch.stack(logs).sum().exp() if logs else torch.tensor(1.0)
            require_numbers(total[None, None].cpu(), [question])
            said = self.loaded.processor.decode(tokens, skip_special_tokens=True)
            answers.append(ForeignAnswer(said.strip(), min(float(total), 1.0)))
        return answers

    def _text(self, question: Question) -> str:
        if self.prompt is None:
            return question.text
        text = prompt_of(self.prompt, question.text)
        return _in_turns(self.loaded, text) if self.loaded.chats else text


def _parts(questions: QASet, group: Sequence[Question]) -> Iterator[list[Asked]]:
    """Open the pictures of some questions, as many at a time as are not too large together."""
    part: list[Asked] = []
    pixels, opened = 0, dict[str, Image.Image]()
    for question in group:
        image = opened.get(question.image)
        if image is None:
            image = open_image(questions.images[question.image])
        size = image.width * image.height
        if part and pixels + size > _PIXELS:
            yield part
            part, pixels, opened = [], 0, {}
        opened[question.image] = image
        part.append((image, question))
        pixels += size
    if part:
        yield part


def _length(tokens: Sequence[int], ends: frozenset[int]) -> int:
    """Count the tokens of an answer with its end: beside longer ones, padding follows."""
    return next((at + 1 for at, token in enumerate(tokens) if token in ends), len(tokens))


def _alike(one: ForeignAnswer, other: ForeignAnswer, exact: bool) -> bool:
    """Tell equal answers, of equal probability but for rounding.

    In half precision, the words of two that are as probable may be others.
    """
    first, second = (math.log(max(each.probability or 0.0, 1e-300)) for each in (one, other))
    near = abs(first - second) <= (_ROUNDING if exact else _IN_HALF_PRECISION)
    return near and (one.text == other.text or not exact)


def _in_turns(loaded: Loaded, text: str) -> str:
    """Write what is asked as the user's turn, a picture before it, in the model's own template."""
    content = [{"type": "image"}, {"type": "text", "text": text}]
    turns = [{"role": "user", "content": content}]
    holder = loaded.processor
    if not getattr(holder, "chat_template", None):
        holder = holder.tokenizer
    written: str = holder.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    return written


def reads_padding(model: Any) -> bool:
    """Tell a class whose answers depend on padding: BLIP's looks at all of it as it writes."""
    return type(model).__name__ == _BLIP


def ends_of(model: Any) -> frozenset[int]:
    """List the tokens by which a model ends an answer; empty where it ends none by itself."""
    config = model.config
    if type(model).__name__ == _BLIP:
        ends = config.text_config.sep_token_id
    else:
        # Some classes leave it to the language model within.
        inner = getattr(model, "language_model", None)
        own = getattr(model, "generation_config", None)
        ends = getattr(own, "eos_token_id", None)
        if ends is None:
            ends = getattr(getattr(inner, "generation_config", None), "eos_token_id", None)
    several = ends if isinstance(ends, list | tuple) else [ends]
    return frozenset(int(end) for end in several if end is not None)


def pad_before(model: Any, processor: Any) -> None:
    """Let a processor pad shorter questions where the model is to go on writing: behind them.

    A model that reads a question first and writes elsewhere keeps its own way.
    """
    if model.config.is_encoder_decoder or reads_padding(model):
        return
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.padding_side = "left"
    if getattr(tokenizer, "pad_token", None) is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token  # which nothing looks at
