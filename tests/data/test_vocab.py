"""Vocabularies against counts made the slow way."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.byhand import layers
from askattend.data.questions import Question
from askattend.data.text import answer_key, tokenise
from askattend.data.vocab import (
    PADDING,
    UNK,
    AnswerVocab,
    WordVocab,
    best_answers,
    usual_spelling,
)
from askattend.errors import ConfigError, DataError
from askattend.models import encoders


def ask(*answers: tuple[str, int]) -> Question:
    return Question(id=0, image="i", text="what", answers=answers, split="train")


spelling = st.sampled_from(["red", "Red ", "RED", "blue", "light  blue", "light blue", "2", "ß"])
asked = st.lists(
    st.lists(st.tuples(spelling, st.integers(1, 5)), max_size=4).map(lambda a: ask(*a)), max_size=12
)


def everyone(questions: list[Question]) -> list[str]:
    """Every single human answer as a key."""
    return [answer_key(a) for q in questions for a, count in q.answers for _ in range(count)]


@given(st.lists(st.text("ab c?", max_size=12), max_size=8), st.integers(1, 4))
def test_words_are_listed_by_frequency_then_alphabet(questions: list[str], least: int) -> None:
    said = [word for question in questions for word in tokenise(question)]
    expected = sorted(
        {word for word in said if said.count(word) >= least}, key=lambda w: (-said.count(w), w)
    )
    vocab = WordVocab.build(questions, min_count=least)
    assert vocab.words == ("<pad>", "<unk>", *expected)
    assert len(vocab) == 2 + len(expected)


def test_words_encode_to_their_indices() -> None:
    vocab = WordVocab.build(["what is this?", "what now"])
    assert [vocab.words[i] for i in vocab.encode("What is NOW")] == ["what", "is", "now"]
    assert vocab.encode("what else") == [vocab.words.index("what"), UNK]


@pytest.mark.parametrize("question", ["", " ", "?!", "…", "\u200d"])
def test_a_question_without_words_is_one_unknown_word(question: str) -> None:
    assert WordVocab.build(["what is this"]).encode(question) == [UNK]


def test_padding_is_the_same_word_wherever_it_is_defined() -> None:
    assert PADDING == encoders.PADDING == layers.PADDING


@given(st.text())
def test_no_question_can_spell_a_special_word(text: str) -> None:
    question = f"{text}<pad> <unk><PAD>"
    vocab = WordVocab.build([question])
    assert not {PADDING, UNK} & set(vocab.encode(question))


@given(asked.filter(everyone), st.integers(1, 6))
def test_answers_are_the_most_given(questions: list[Question], size: int) -> None:
    given_answers = everyone(questions)
    expected = sorted(set(given_answers), key=lambda a: (-given_answers.count(a), a))[:size]
    vocab = AnswerVocab.build(questions, size=size)
    assert [answer_key(answer) for answer in vocab.answers] == expected
    spellings = [a for q in questions for a, count in q.answers for _ in range(count)]
    for answer in vocab.answers:
        alike = [text for text in spellings if answer_key(text) == answer_key(answer)]
        folded = [" ".join(text.split()) for text in alike]
        capitals = {text: sum(char.isupper() for char in text) for text in folded}
        assert answer == min(folded, key=lambda t: (-folded.count(t), capitals[t], t))


@given(asked.filter(everyone), asked.filter(everyone), st.integers(1, 4))
def test_coverage_and_reach(train: list[Question], test: list[Question], size: int) -> None:
    vocab = AnswerVocab.build(train, size=size)
    given_answers = everyone(test)
    known = [answer_key(answer) for answer in vocab.answers]
    covered = sum(answer in known for answer in given_answers) / len(given_answers)
    assert vocab.coverage(test) == pytest.approx(covered)
    reached = []
    for question in (q for q in test if q.answers):
        own = everyone([question])
        best = [answer for answer in own if own.count(answer) == max(map(own.count, own))]
        reached.append(any(answer in known for answer in best))
    assert vocab.reachable(test) == pytest.approx(sum(reached) / len(reached))


def test_spellings_share_a_class() -> None:
    vocab = AnswerVocab.build([ask(("Red ", 1), ("red", 1), ("blue", 1))])
    assert vocab.answers == ("red", "blue")  # of two equally common spellings the smaller letters
    assert vocab.index(" RED") == 0
    assert vocab.index("green") is None
    assert vocab.encode([("RED", 2), ("green", 5), ("blue", 1), ("red", 3)]) == {0: 5, 1: 1}


def test_vocabularies_survive_json() -> None:
    words = WordVocab.build(["what is this"])
    answers = AnswerVocab.build([ask(("red", 1), ("blue", 2))])
    words.encode("this"), answers.index("red")  # what they memorise must not be written
    assert msgspec.json.decode(msgspec.json.encode(words)) == {
        "words": list(words.words),
        "tokeniser": "askattend",
    }
    assert msgspec.json.decode(msgspec.json.encode(answers)) == {"answers": ["blue", "red"]}
    assert msgspec.json.decode(msgspec.json.encode(words), type=WordVocab) == words
    assert msgspec.json.decode(msgspec.json.encode(answers), type=AnswerVocab) == answers


def test_words_are_listed_from_the_first_time_on() -> None:
    assert WordVocab.build(["once"]).words == ("<pad>", "<unk>", "once")


def test_so_many_answers_are_listed() -> None:
    many = [ask((f"answer {number}", 1)) for number in range(3001)]
    assert len(AnswerVocab.build(many)) == 3000


def test_words_that_are_not_listed() -> None:
    vocab = WordVocab.build(["what is this"])
    assert vocab.unlisted("Is it this one, or what?") == ["it", "one", "or"]
    more = vocab.extended(["it", "one"])
    assert more.words == (*vocab.words, "it", "one")
    assert more.unlisted("Is it this one, or what?") == ["or"]
    assert more.encode("one") == [len(vocab) + 1]


def test_where_words_stand() -> None:
    assert WordVocab.build(["a b"]).spans("What's this?") == [(0, 6), (7, 11)]
    # pytorch-vqa's drops the last character, and divides at spaces alone.
    theirs = WordVocab(("<pad or unk>", "what"), "pytorch-vqa")
    assert theirs.spans("What, this?") == [(0, 5), (6, 10)]


def test_an_imported_network_divides_as_it_did() -> None:
    vocab = WordVocab(("<pad or unk>", "what", "this"), "pytorch-vqa")
    assert vocab.tokenise("What  is this?") == ["what", "", "is", "this"]
    assert vocab.unknown == PADDING
    assert vocab.encode("What  is this?") == [1, PADDING, PADDING, 2]
    assert vocab.unlisted("What  is this?") == ["is"]  # an empty word is nobody's
    assert vocab.remark("what is this?") is None
    remark = vocab.remark("what is this")
    assert remark is not None
    assert "drops a question's last character, here 's'" in remark
    assert "here ''" in str(vocab.remark(""))
    assert WordVocab.build(["what"]).remark("what is this") is None
    for words in (("<pad>", "<unk>"), ("what", "<pad or unk>")):
        with pytest.raises(DataError, match="must start with"):
            WordVocab(words, "pytorch-vqa")


def test_of_answers_with_one_key_the_first_is_meant() -> None:
    vocab = AnswerVocab(("Red", "blue", "red"))
    assert (vocab.index("RED"), vocab.index("blue")) == (0, 1)


@pytest.mark.parametrize(
    ("answers", "best"),
    [
        ([], set()),
        ([("red", 1)], {"red"}),
        ([("red", 2), ("blue", 1), ("Blue", 1)], {"red", "blue"}),
        ([("red", 2), ("blue", 1)], {"red"}),
    ],
)
def test_the_answers_most_people_gave(answers: list[tuple[str, int]], best: set[str]) -> None:
    assert best_answers(answers) == best


def test_damaged_vocabularies_are_refused() -> None:
    with pytest.raises(DataError, match="must start with"):
        WordVocab(("what", "is"))
    with pytest.raises(DataError, match="lists 'is' twice"):
        WordVocab(("<pad>", "<unk>", "is", "is"))
    with pytest.raises(DataError, match="lists 'red' twice"):
        AnswerVocab(("red", "red"))


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ConfigError, match="min_count = 0: must be at least 1"):
        WordVocab.build(["what"], min_count=0)
    with pytest.raises(ConfigError, match="size = 0: must be at least 1"):
        AnswerVocab.build([ask(("red", 1))], size=0)
    unanswered = [ask()]
    with pytest.raises(DataError, match="no question has an answer"):
        AnswerVocab.build(unanswered)
    vocab = AnswerVocab(("red",))
    with pytest.raises(DataError, match="no question has an answer"):
        vocab.coverage(unanswered)
    with pytest.raises(DataError, match="no question has an answer"):
        vocab.reachable(unanswered)


@pytest.mark.parametrize(
    ("spellings", "shown"),
    [
        ({"JA": 3, "ja": 3}, "ja"),
        ({"JA": 4, "ja": 3}, "JA"),
        ({"JA": 4, "ja": 3, " ja": 2}, "ja"),
        ({"light  Blue": 2, "light Blue": 1, "light blue": 2}, "light Blue"),
        ({"F\u00dcR": 4, "f\u00fcr": 3, "fu\u0308r": 2}, "f\u00fcr"),
    ],
)
def test_an_answer_is_shown_as_most_people_wrote_it(spellings: dict[str, int], shown: str) -> None:
    assert list(usual_spelling(spellings).values()) == [shown]
