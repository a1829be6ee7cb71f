"""Published figures as they are said and shown."""

from __future__ import annotations

from dataclasses import replace

from askattend.evaluation.figures.published import measure, page_section, terminal_lines
from askattend.evaluation.section import Note, Table, TerminalLine
from askattend.scoring.published import OF_SINGLE, Published
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

SPLIT = make_qaset(question(0), question(1))


def test_daquar_of_all_answers_says_that_there_are_none() -> None:
    value = measure(evaluated(replace(SPLIT, source="daquar:/data"), ["yes", "no"]))
    assert value is not None
    (line,) = terminal_lines(value)
    assert (line.label, line.value) == ("published figures", None)
    assert line.note.startswith("none is known here for all answers")
    (note,) = page_section(value, CONTEXT).blocks
    assert isinstance(note, Note)
    assert note.text.startswith("None is known here for all answers: the SAN paper (29.3 %)")
    assert measure(evaluated(SPLIT, ["yes", "no"])) is None


def test_single_answers_have_the_papers() -> None:
    value = Published(OF_SINGLE)
    assert terminal_lines(value) == [
        TerminalLine("published: SAN(2, CNN)", 0.293, "  Yang et al. 2016, arXiv 1511.02274")
    ]
    (table,) = page_section(value, CONTEXT).blocks
    assert isinstance(table, Table)
    assert table.rows[1][:4] == ("SAN(2, LSTM)", "29.3%", "34.9%", "68.1%")
