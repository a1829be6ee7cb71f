"""Questions as a run reads them: their words, those that it never met, and where each stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from askattend.data.look_alikes import words_alike
from askattend.data.vocab import WordVocab
from askattend.data.word_vectors import WordVectors
from askattend.errors import DataError
from askattend.files import readable
from askattend.files.limits import QUESTION
from askattend.runs.unseen_words import UnseenWords, look_up


@dataclass(frozen=True, eq=False)
class QuestionReader:
    """A run's words, and beside them unseen ones that it reads by their vectors.

    Attributes:
        words: the vocabulary, unseen words with vectors behind the run's own.
        trained: the run's own words.
        vectors: what the run's words began as, and where unseen ones are looked up; None without.
        unseen: what came of looking words up.
    """

    words: WordVocab
    trained: tuple[str, ...]
    vectors: WordVectors | None = None
    unseen: UnseenWords = field(default_factory=UnseenWords)

    def knowing(self, questions: Iterable[str]) -> QuestionReader:
        """Return a reader that looked the questions' unseen words up; itself if there are none."""
        if self.vectors is None:
            return self
        unlisted = {word for question in questions for word in self.words.unlisted(question)}
        unlisted -= self.unseen.without
        if not unlisted:
            return self
        found = look_up(sorted(unlisted), self.vectors, self.trained)
        unseen = replace(found, without=self.unseen.without | found.without)
        words = self.words.extended(found.words) if found.words else self.words
        return replace(self, words=words, unseen=unseen)

    def by_vector(self, question: str) -> list[str]:
        """List words that were in no training question, and are read by their vectors alone."""
        listed, trained = set(self.words.words), set(self.trained)
        return [word for word in self.words.tokenise(question) if word in listed - trained]

    def unknown(self, question: str, tokens: Sequence[int]) -> tuple[str, ...]:
        """List the words that are read as the unknown one, each once.

        Args:
            question: as it was asked.
            tokens: its words' indices. Where all are known it is not divided again.
        """
        if self.words.unknown not in tokens:
            return ()
        return tuple(dict.fromkeys(self.words.unlisted(question)))

    def notes(self, question: str) -> list[str]:
        """Say what the one who asks should know of how the question is read."""
        unknown, by_vector = self.words.unlisted(question), self.by_vector(question)
        told = (
            ("the model never saw", ", ".join(unknown)),
            ("there are no word vectors to look it up in", self.unseen.problem if unknown else ""),
            ("the model never saw, but has word vectors of", ", ".join(by_vector)),
        )
        remark = self.words.remark(question)
        return [
            *([remark] if remark else []),
            *(f"{about}: {what}" for about, what in told if what),
            *self._alike(question),
        ]

    def _alike(self, question: str) -> list[str]:
        """Name the known words of which unknown ones are another way to write."""
        if not self.words.unlisted(question):
            return []
        found = dict(words_alike(self.words.tokenise(question), self.trained))
        return [f"it knows '{word}', not '{written}'" for written, word in found.items()]

    def need_words(self, questions: Sequence[str]) -> None:
        """Refuse questions that say nothing, are endless, or are no text.

        Raises:
            DataError: a question has no word in it, is longer than is allowed, or holds half a
                character, which no file or answer can.
        """
        for question in questions:
            if len(question) > QUESTION.value():
                problem = f"has {len(question):,} characters"
                where = f"question '{question[:40]}…'"
                raise DataError(problem, where=where, remedy=QUESTION.how_to_raise())
            if readable(question) != question:
                where = f"question '{readable(question)}'"
                raise DataError("holds half a character", where=where, remedy="Ask with words.")
            if not any(self.words.tokenise(question)):
                raise DataError(
                    "has no word in it", where=f"question '{question}'", remedy="Ask with words."
                )
