"""Vocabularies: the words a model reads and the answers it can give, each with its index."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from askattend.data.questions import Question
from askattend.data.text import answer_key, pytorch_vqa_words, tokenise
from askattend.data.word_spans import pytorch_vqa_spans, word_spans
from askattend.errors import ConfigError, DataError
from askattend.files.limits import QUESTION

PADDING, UNK = 0, 1
# The tokeniser divides at "<", so no question holds either of these as a word.
_SPECIAL = ("<pad>", "<unk>")
# pytorch-vqa has one index for both. Its tokeniser divides at spaces, so no word holds one.
SHARED = "<pad or unk>"
_TOKENISERS = {"askattend": tokenise, "pytorch-vqa": pytorch_vqa_words}
_SPANS = {"askattend": word_spans, "pytorch-vqa": pytorch_vqa_spans}


@dataclass(frozen=True)
class WordVocab:
    """Words of the training questions, and the way to divide a question into words.

    Attributes:
        words: index → word. ``words[PADDING]`` fills up a batch's shorter questions,
            ``words[unknown]`` stands for every word not listed; the others are sorted by frequency,
            then alphabetically, or as an imported network's were.
        tokeniser: ``"askattend"``, or ``"pytorch-vqa"`` for a network imported from there, where
            `PADDING` stands for unknown words too.
    """

    words: tuple[str, ...]
    tokeniser: Literal["askattend", "pytorch-vqa"] = "askattend"

    def __post_init__(self) -> None:
        special = (SHARED,) if self.tokeniser == "pytorch-vqa" else _SPECIAL
        if (found := self.words[: len(special)]) != special:
            raise DataError(f"a vocabulary of words must start with {special}, not {found}")
        _refuse_duplicates(self.words)

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def build(cls, questions: Iterable[str], *, min_count: int = 1) -> WordVocab:
        """List the words that occur at least `min_count` times in the text of `questions`.

        Raises:
            ConfigError: `min_count` is below one.
        """
        _require_positive("min_count", min_count)
        counts = Counter(word for question in questions for word in tokenise(question))
        words = (word for word in most_common_first(counts) if counts[word] >= min_count)
        return cls((*_SPECIAL, *words))

    @property
    def unknown(self) -> int:
        """Index that stands for every word not listed."""
        return PADDING if self.tokeniser == "pytorch-vqa" else UNK

    def tokenise(self, question: str) -> list[str]:
        """Divide a question into words by the vocabulary's own tokeniser."""
        return _TOKENISERS[self.tokeniser](question)

    def spans(self, question: str) -> list[tuple[int, int]]:
        """Return where each word stands in the question as typed: first character, one past it."""
        return _SPANS[self.tokeniser](question)

    def encode(self, question: str) -> list[int]:
        """Return the indices of a question's words; an unknown one's if it has none."""
        index, unknown = self._index, self.unknown
        return [index.get(word, unknown) for word in self.tokenise(question)] or [unknown]

    def unlisted(self, question: str) -> list[str]:
        """Return the words of a question that are not in the vocabulary."""
        return [word for word in self.tokenise(question) if word and word not in self._index]

    def extended(self, words: Iterable[str]) -> WordVocab:
        """Return the vocabulary with more words behind its own."""
        return replace(self, words=(*self.words, *words))

    def remark(self, question: str) -> str | None:
        """Make a remark on how a question is read, for the one who asks it; None if it is plain."""
        if self.tokeniser == "askattend" or question.endswith("?"):
            return None
        return (
            f"like pytorch-vqa, this model drops a question's last character, here "
            f"'{question[-1:]}': end it with '?'"
        )

    @cached_property
    def _index(self) -> Mapping[str, int]:
        return {word: index for index, word in enumerate(self.words)}


@dataclass(frozen=True)
class AnswerVocab:
    """Answers that a model can give: its classes.

    Attributes:
        answers: class → answer, in the spelling that most people used; most common first, then
            alphabetically. Those of an imported network are spelt and sorted as they were there.
    """

    answers: tuple[str, ...]

    def __post_init__(self) -> None:
        _refuse_duplicates(self.answers)

    @classmethod
    def build(cls, questions: Iterable[Question], *, size: int = 3000) -> AnswerVocab:
        """List the `size` answers that most people gave to `questions`, fewer if there are fewer.

        Raises:
            ConfigError: `size` is below one.
            DataError: no question has an answer, or one is longer than is allowed.
        """
        _require_positive("size", size)
        spellings = count_spellings(questions)
        _need_answers(spellings.total())
        _refuse_endless(spellings)
        written = usual_spelling(spellings)
        keys = most_common_first(key_counts(spellings.items()))[:size]
        return cls(tuple(written[key] for key in keys))

    def __len__(self) -> int:
        return len(self.answers)

    def index(self, answer: str) -> int | None:
        """Return the class of an answer in any spelling that has the same `answer_key`."""
        return self._index.get(answer_key(answer))

    def encode(self, answers: Sequence[tuple[str, int]]) -> dict[int, int]:
        """Map class → how many people gave it, for the human answers to one question.

        Answers that are not in the vocabulary are left out.
        """
        counts: dict[int, int] = {}
        for answer, count in answers:
            index = self.index(answer)
            if index is not None:
                counts[index] = counts.get(index, 0) + count
        return counts

    def coverage(self, questions: Iterable[Question]) -> float:
        """Return the share of the human answers to `questions` that it lists, in [0, 1].

        Raises:
            DataError: no question has an answer.
        """
        counts = key_counts(count_spellings(questions).items())
        _need_answers(counts.total())
        return sum(counts[key] for key in self._index) / counts.total()

    def reachable(self, questions: Iterable[Question]) -> float:
        """Return the share of the answered `questions` whose most common answer it lists.

        Where several answers are equally common, one of them is enough: it is as good a reply.

        Raises:
            DataError: no question has an answer.
        """
        # Questions without an answer, as in test sets, can be neither right nor wrong.
        best = [best_answers(question.answers) for question in questions if question.answers]
        _need_answers(len(best))
        return sum(not self._index.keys().isdisjoint(answers) for answers in best) / len(best)

    @cached_property
    def _index(self) -> Mapping[str, int]:
        # An imported network's answers are as they were there; of several with one key, the most
        # common comes first.
        # Reversed, because a dict keeps the last of equal keys.
        listed = reversed(tuple(enumerate(self.answers)))
        return {answer_key(answer): index for index, answer in listed}


def key_counts(answers: Iterable[tuple[str, int]]) -> Counter[str]:
    """Count how many people gave each `answer_key`; spellings with one key count together."""
    counts: Counter[str] = Counter()
    for answer, count in answers:
        counts[answer_key(answer)] += count
    return counts


def count_spellings(questions: Iterable[Question]) -> Counter[str]:
    """Count how many people gave each answer, as it was written, over all `questions`."""
    spellings: Counter[str] = Counter()
    for question in questions:
        for answer, count in question.answers:
            spellings[answer] += count
    return spellings


def usual_spelling(spellings: Mapping[str, int]) -> dict[str, str]:
    """Map `answer_key` → how most people wrote it; of ties, with fewest capitals.

    Outer and double spaces, and whether accents are composed, make no spelling of their own.
    """
    counts: Counter[str] = Counter()
    for spelling, count in spellings.items():
        counts[unicodedata.normalize("NFC", " ".join(spelling.split()))] += count
    written: dict[str, str] = {}
    # The most common spelling of a key comes first, and stays.
    for spelling in sorted(counts, key=lambda each: (-counts[each], _capitals(each), each)):
        written.setdefault(answer_key(spelling), spelling)
    return written


def _capitals(text: str) -> int:
    return sum(map(str.isupper, text))


def best_answers(answers: Iterable[tuple[str, int]]) -> set[str]:
    """Return the `answer_key` that most people gave, or all of them where several tie."""
    counts = key_counts(answers)
    most = max(counts.values(), default=0)
    return {answer for answer, count in counts.items() if count == most}


def most_common_first(counts: Mapping[str, int]) -> list[str]:
    """Sort the keys by falling count; ties alphabetically, so that the order is always the same."""
    return sorted(counts, key=lambda key: (-counts[key], key))


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError("must be at least 1", where=f"{name} = {value}")


def _need_answers(count: int) -> None:
    if not count:
        raise DataError("no question has an answer", remedy="Use a split that has answers.")


def _refuse_endless(answers: Iterable[str]) -> None:
    most = QUESTION.value()
    if endless := [answer for answer in answers if len(answer) > most]:
        raise DataError(
            f"{len(endless):,} answers have more than {most:,} characters",
            where=f"'{endless[0][:40]}…'",
            remedy=f"Shorten them, or leave them out. {QUESTION.how_to_raise()}",
        )


def _refuse_duplicates(entries: Sequence[str]) -> None:
    if len(set(entries)) != len(entries):
        twice = next(entry for entry, count in Counter(entries).items() if count > 1)
        raise DataError(f"the vocabulary lists '{twice}' twice")
