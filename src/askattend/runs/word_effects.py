"""The part that each word of a question has in its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from askattend.data.vocab import WordVocab


@dataclass(frozen=True)
class WordEffect:
    """The effect of one word of a question.

    Attributes:
        text: the word as it was typed.
        start: where in the question it begins, in characters from 0.
        end: where it ends; the character at `end` is not part of it.
        drop: how much the probability of the answer falls when the word is left out, -1 to 1;
            below 0 where the answer is then more probable.
    """

    text: str
    start: int
    end: int
    drop: float


def without_each_word(words: WordVocab, question: str) -> list[list[int]]:
    """Return the indices of the question's words, then the same without each word in turn.

    A lone word is replaced by the unknown word, since a network reads one word at least.
    """
    tokens = words.encode(question)
    shorter = [tokens[:position] + tokens[position + 1 :] for position in range(len(tokens))]
    return [tokens, *(rest or [words.unknown] for rest in shorter)]


def word_effects_of(
    words: WordVocab,
    question: str,
    probabilities: Float[Tensor, "versions answers"],
    answer: int | None = None,
) -> list[WordEffect]:
    """Compare the probability of an answer with and without each word.

    Args:
        words: the vocabulary whose tokeniser divides the question.
        question: as it was typed.
        probabilities: of each answer, for each version that `without_each_word` returns.
        answer: the class of the answer; by default the most probable one with all words.
    """
    of_answer = probabilities[:, probabilities[0].argmax() if answer is None else answer]
    drops: Sequence[float] = (of_answer[0] - of_answer[1:]).tolist()
    return [
        WordEffect(question[start:end], start, end, drop)
        for (start, end), drop in zip(words.spans(question), drops, strict=True)
        if end > start  # pytorch-vqa reads an empty word between two spaces
    ]
