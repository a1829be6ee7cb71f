"""Questions worth suggesting: few, unlike each other, as people asked them in training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from askattend.data.questions import Question
from askattend.data.text import answer_key, tokenise

MOST_SUGGESTED = 24
# Longer ones make no button, and are rarely worth asking of another image.
LONGEST = 80


@dataclass
class _Wording:
    """A question that was asked, maybe of many images."""

    text: str
    count: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def answer(self) -> str:
        return min(self.answers, key=lambda key: (-self.answers[key], key))


def suggest_questions(
    questions: Iterable[Question], *, count: int = MOST_SUGGESTED
) -> tuple[str, ...]:
    """Choose questions that differ in their first word and in their answer; frequent ones first.

    First words take turns, from the most frequent on. Each gives its most frequent question whose
    usual answer was not there yet, and where all were, its most frequent one.

    Args:
        questions: of training; those without an answer are left out.
        count: how many to choose at most.

    Returns:
        each wording once, as it was first written.
    """
    return tuple(_take_turns(_by_first_word(_wordings(questions)), count))


def _wordings(questions: Iterable[Question]) -> list[_Wording]:
    found: dict[str, _Wording] = {}
    for question in questions:
        text = " ".join(question.text.split())
        if not question.answers or len(text) > LONGEST or not (words := tokenise(text)):
            continue
        wording = found.setdefault(" ".join(words), _Wording(text))
        wording.count += 1
        wording.answers[answer_key(question.answers[0][0])] += 1
    return sorted(found.values(), key=lambda wording: (-wording.count, wording.text))


def _by_first_word(wordings: list[_Wording]) -> list[list[_Wording]]:
    groups: defaultdict[str, list[_Wording]] = defaultdict(list)
    for wording in wordings:
        groups[tokenise(wording.text)[0]].append(wording)
    return sorted(groups.values(), key=lambda group: -sum(wording.count for wording in group))


def _take_turns(groups: list[list[_Wording]], count: int) -> list[str]:
    chosen: list[str] = []
    answers: set[str] = set()
    while len(chosen) < count and any(groups):
        for group in filter(None, groups):
            new = (place for place, wording in enumerate(group) if wording.answer not in answers)
            wording = group.pop(next(new, 0))
            answers.add(wording.answer)
            chosen.append(wording.text)
    return chosen[:count]
