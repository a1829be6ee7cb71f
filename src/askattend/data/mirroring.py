"""Questions about mirror images: left and right swapped, where their language is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from msgspec.structs import replace

from askattend.data.questions import Question

# A language is known if so many of the questions have one of its commonest words.
MOST = 0.5


@dataclass(frozen=True)
class Language:
    """The words of a language that a mirror swaps.

    Attributes:
        name: in English.
        common: a pattern that most questions in the language match, and few in any other.
        pairs: words that are swapped; lower case.
        spaced: True where words stand apart from their neighbours.
        uncertain: a pattern of texts of which it is not certain what a mirror does to them.
    """

    name: str
    common: str
    pairs: tuple[tuple[str, str], ...]
    spaced: bool
    uncertain: str

    @cached_property
    def _swapped(self) -> dict[str, str]:
        return {a: b for pair in self.pairs for a, b in (pair, pair[::-1])}

    @cached_property
    def _words(self) -> re.Pattern[str]:
        # Longer ones first. "left_bowl" and "left-hand" begin with a word of their own.
        words = "|".join(sorted(self._swapped, key=len, reverse=True))
        pattern = rf"(?<![^\W_])(?:{words})(?![^\W_])" if self.spaced else words
        return re.compile(pattern, re.IGNORECASE)

    def swap(self, text: str) -> str:
        """Swap left and right in a text; twice gives the text."""
        return self._words.sub(self._swap_word, text)

    def _swap_word(self, found: re.Match[str]) -> str:
        word = found[0]
        other = self._swapped[word.lower()]
        for case in (str.lower, str.upper, str.capitalize):
            if case(word) == word:
                return case(other)
        return word  # whose letters are of both cases any way: it is left as it is

    def certain(self, text: str) -> bool:
        """Tell if a mirror does to a text what `swap` does, as far as that shows in its words."""
        return re.search(self.uncertain, text, re.IGNORECASE) is None

    def is_of(self, texts: Sequence[str]) -> bool:
        """Tell if most of the texts are in this language."""
        known = re.compile(self.common, re.IGNORECASE)
        return sum(known.search(text) is not None for text in texts) > MOST * len(texts)


ENGLISH = Language(
    name="English",
    common=r"\b(the|is|are|what|which|where|who|how|does|do|there|of|any)\b",
    pairs=(
        ("left", "right"),
        ("lefts", "rights"),
        ("leftmost", "rightmost"),
        ("lefthand", "righthand"),
        ("leftward", "rightward"),
        ("leftwards", "rightwards"),
    ),
    spaced=True,
    # What is written, turns, or points to the east; what is left over, and what is right.
    uncertain=r"\b(anti-?|counter-?)?clockwise\b|\bletters?\b|\bwords?\b|\bwritten\b|\bwriting\b"
    r"|\bwrites?\b|\breads?\b|\bsays?\b|\bspell(s|ed|ing)?\b|\btexts?\b|\bwhat time\b"
    r"|\b(east|west)(ern)?\b|\bright (now|angles?|away)\b|\b(all|is|that's) right\b(?! (of|side))"
    r"|\bleft ?overs?\b|\bwhat number\b|\b(what|how (many|much)|anything|nothing|any|some)"
    r" (is|are|was) left\b(?! (of|side))"
    r"|^[a-z]$",
)
GERMAN = Language(
    name="German",
    common=r"\b(ist|sind|der|die|das|welche[rsmn]?|was|wo|wer|wie|gibt|ein|eine)\b",
    pairs=(("links", "rechts"), *((f"linke{e}", f"rechte{e}") for e in ("", "r", "s", "m", "n"))),
    spaced=True,
    uncertain=r"uhrzeigersinn|buchstabe|\bwort\b|\bwörter\b|geschrieben|\bschrift|\btext"
    r"|\bsteht (da|dort|auf dem schild)\b|\b(öst|west)lich|\b(osten|westen)\b|\brechteck"
    r"|\bwie spät\b|^[a-zäöü]$",
)
CHINESE = Language(
    name="Chinese",
    common=r"[\u4e00-\u9fff]",
    pairs=(("左", "右"),),
    spaced=False,
    uncertain=r"左右|顺时针|逆时针|順時針|逆時針|字|写|寫|几点|幾點|东|東|西|^[a-z]$",
)
LANGUAGES = (ENGLISH, GERMAN, CHINESE)


def language_of(questions: Sequence[Question]) -> Language | None:
    """Find the language that most questions are in; None if it is not among `LANGUAGES`."""
    texts = [question.text for question in questions]
    return next((language for language in LANGUAGES if language.is_of(texts)), None)


def mirrored(question: Question, language: Language, image: str) -> Question | None:
    """Return the question about the mirror image; None where it is not certain what that is.

    Boxes are left out.

    Args:
        question: about the image itself.
        language: of its text and answers.
        image: id of the mirror image.
    """
    texts = (question.text, *(text for text, _ in question.answers))
    if not all(map(language.certain, texts)):
        return None
    answers = tuple((language.swap(text), count) for text, count in question.answers)
    text = language.swap(question.text)
    return replace(question, image=image, text=text, answers=answers, boxes=())
