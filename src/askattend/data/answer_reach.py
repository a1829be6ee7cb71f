"""Notes on answers that no network can give, as training never shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from askattend.data.questions import Question
from askattend.data.vocab import best_answers

# Where more than a quarter of the questions is lost beforehand, that is the first thing to mend.
ENOUGH = 0.75


def reachable_from_other_images(questions: Iterable[Question]) -> float | None:
    """Return the share, 0 to 1, whose answer stands at another image, too; None without answers.

    It is what a network could get right at best of an image that it did not learn from. Of several
    answers that are equally common one is enough.
    """
    answered = [(q.image, best_answers(q.answers)) for q in questions if q.answers]
    images = defaultdict[str, set[str]](set)
    for image, answers in answered:
        for answer in answers:
            images[answer].add(image)
    known = [any(len(images[a]) > 1 for a in answers) for _, answers in answered]
    return sum(known) / len(known) if known else None


def out_of_reach_note(where: str, reachable: float | None) -> tuple[str, ...]:
    """Make a note where many questions have an answer that is not learnt.

    Args:
        where: the questions, as in ``"the questions of 'valid'"``.
        reachable: the share, 0 to 1, whose answer is learnt; None where that is not known.
    """
    if reachable is None or reachable >= ENOUGH:
        return ()
    return (
        f"{1 - reachable:.0%} of {where} have an answer that is not learnt from any other image: "
        f"no network gets more than about {reachable:.0%} right. Ask more questions with answers "
        "that recur, or use fewer distinct ones",
    )
