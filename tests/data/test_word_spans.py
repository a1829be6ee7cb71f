"""Where words stand: what is typed there is the word, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.text import normalise, pytorch_vqa_words, tokenise
from askattend.data.word_spans import pytorch_vqa_spans, word_spans

# Letters of which some are composed, divided or dropped, and what holds or divides words.
PIECES = ["a", "B", "é", "e\u0301", "İ", "ß", "한", "\u1112\u1161\u11ab", "क\u093c", "\u0958", "7"]
PIECES += [
    " ",
    "'",
    "’",
    "_",
    ".",
    "-",
    "?",
    "$",
    "\u00ad",
    "\u200d",
    "它",
    "ก็",
    "ﾞ",
    "🙂",
    "\u200b",
]
questions = st.one_of(st.lists(st.sampled_from(PIECES)).map("".join), st.text(max_size=20))


@given(questions)
def test_each_word_stands_where_it_was_typed(question: str) -> None:
    spans, words = word_spans(question), tokenise(question)
    assert len(spans) == len(words)
    ends = [0, *(end for _, end in spans)]
    for (start, end), word, before in zip(spans, words, ends, strict=False):
        assert before <= start < end
        # A capital sigma is lower-cased by what stands beside it.
        if "Σ" not in question:
            assert tokenise(question[start:end]) == [word]


@given(questions)
def test_no_word_stands_between_them(question: str) -> None:
    spans = word_spans(question)
    edges = [0, *(edge for span in spans for edge in span), len(question)]
    between = [question[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    # A joiner or mark is part of a word beside others alone: "'" of "what's".
    assert not any(char.isalpha() for text in between for char in normalise(text))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What's the T-shirt’s colour?", "What's|the|T|shirt’s|colour"),
        ("is it 3.5 cm?", "is|it|3.5|cm"),
        ("它是红色的吗?", "它|是|红|色|的|吗"),
        ("cafe\u0301 İstanbul x?", "cafe\u0301|İstanbul|x"),
        ("co\u00adlour?", "co\u00adlour"),
        ("???", ""),
        ("", ""),
    ],
)
def test_by_example(question: str, words: str) -> None:
    found = [question[start:end] for start, end in word_spans(question)]
    assert found == words.split("|") * bool(words)


@given(st.text(st.sampled_from("ab ?,'é"), max_size=12))
def test_pytorch_vqas_words_stand_between_spaces(question: str) -> None:
    found = [question[start:end] for start, end in pytorch_vqa_spans(question)]
    assert found == pytorch_vqa_words(question)
