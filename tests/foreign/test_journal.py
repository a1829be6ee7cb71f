"""Answers as they come: what was answered stays answered, whatever ends the process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from askattend.data.questions import QASet, Question
from askattend.errors import ConfigError, DataError, ServiceError
from askattend.foreign.answer import ForeignAnswer
from askattend.foreign.asking import ask_all
from askattend.foreign.journal import Journal
from small_questions import make_qaset, make_question

SYSTEM = {"server": "here"}
QUIET = Console(quiet=True)


def some(count: int = 10) -> QASet:
    return make_qaset(*(make_question(f"{n}?", id=n, image=f"{n % 3}") for n in range(count)))


class Asked:
    """Answers each question with its text, and notes which; the n-th call fails if told."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.ids: list[object] = []
        self.groups: list[int] = []
        self._fails_at = fails_at

    def __call__(self, group: Sequence[Question]) -> list[ForeignAnswer]:
        assert len({question.image for question in group}) == 1
        if len(self.groups) == self._fails_at:
            raise ServiceError("is gone")
        self.groups.append(len(group))
        self.ids += [question.id for question in group]
        return [ForeignAnswer(f"to {question.text}", 0.5) for question in group]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("together", [1, 2])
def test_each_is_asked_once(workers: int, together: int, tmp_path: Path) -> None:
    questions, journal, first = some(), Journal(tmp_path / "a.jsonl", SYSTEM), Asked()
    answers = ask_all(questions, first, journal, together=together, workers=workers, console=QUIET)
    assert answers == {q.id: ForeignAnswer(f"to {q.text}", 0.5) for q in questions}
    assert sorted(map(str, first.ids)) == sorted(map(str, range(10)))
    assert max(first.groups) == together
    second = Asked()
    assert ask_all(questions, second, journal, console=QUIET) == answers
    assert second.ids == []


@pytest.mark.parametrize("workers", [1, 3])
def test_what_was_answered_before_it_failed_is_kept(workers: int, tmp_path: Path) -> None:
    questions, journal = some(), Journal(tmp_path / "a.jsonl", SYSTEM)
    first, second = Asked(fails_at=4), Asked()
    with pytest.raises(ServiceError, match="is gone"):
        ask_all(questions, first, journal, workers=workers, console=QUIET)
    kept = journal.read(questions)
    assert 1 <= len(kept) <= 9
    ask_all(questions, second, journal, workers=workers, console=QUIET)
    assert sorted([*map(str, kept), *map(str, second.ids)]) == sorted(map(str, range(10)))


def test_a_line_cut_off_is_asked_again(tmp_path: Path) -> None:
    questions, journal = some(4), Journal(tmp_path / "a.jsonl", SYSTEM)
    answers = ask_all(questions, Asked(), journal, console=QUIET)
    whole = journal.file.read_bytes()
    for size in range(len(whole.splitlines()[0]) + 1, len(whole), 13):
        journal.file.write_bytes(whole[:size])
        again = Asked()
        assert ask_all(questions, again, journal, console=QUIET) == answers
        assert len(journal.read(questions)) == 4
        # The first line says who answers; one without its end may be whole all the same.
        lost = 5 - whole[:size].count(b"\n")
        assert len(again.ids) in (lost, lost - 1)


def test_answers_to_other_questions_do_not_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", SYSTEM)
    ask_all(some(2), Asked(), journal, console=QUIET)
    changed = make_qaset(
        make_question("0?", id=0, image="other"), make_question("1?", id=1, image="1")
    )
    assert list(journal.read(changed)) == [1]


def test_nor_do_answers_of_another(tmp_path: Path) -> None:
    ask_all(some(2), Asked(), Journal(tmp_path / "a.jsonl", SYSTEM), console=QUIET)
    with pytest.raises(DataError, match="answers of another model"):
        Journal(tmp_path / "a.jsonl", {"server": "there"}).read(some(2))
    (tmp_path / "b.jsonl").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        Journal(tmp_path / "b.jsonl", SYSTEM).read(some(2))


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl", SYSTEM)
    with (
        journal.held(),
        pytest.raises(ConfigError, match="another process"),
        Journal(tmp_path / "a.jsonl", SYSTEM).held(),
    ):
        pass
    with journal.held():
        pass


def test_the_lock_of_the_next_one_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may begin right when another ends: a third must find that one's lock."""
    first, second = (Journal(tmp_path / "a.jsonl", SYSTEM) for _ in range(2))
    release, stack = FileLock.release, ExitStack()

    def released(lock: FileLock, force: bool = False) -> None:
        release(lock, force)
        monkeypatch.undo()
        stack.enter_context(second.held())

    with stack:
        with first.held():
            monkeypatch.setattr(FileLock, "release", released)
        with pytest.raises(ConfigError, match="another process"), first.held():
            pass
