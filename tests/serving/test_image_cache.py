"""The cache: bounded in number and time."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from askattend.serving.image_cache import ImageCache
from askattend.serving.images import make_picture
from askattend.serving.problems import Refusal

PICTURE = make_picture(Image.new("RGB", (4, 3)), [])


@given(
    st.lists(
        st.one_of(
            st.just(("add", 0)),
            st.tuples(st.just("get"), st.integers(0, 12)),
            st.tuples(st.just("remove"), st.integers(0, 12)),
            st.tuples(st.just("wait"), st.integers(1, 6)),
        ),
        max_size=60,
    )
)
def test_it_is_what_a_plain_list_of_the_last_used_is(steps: list[tuple[str, int]]) -> None:
    """The oracle: ids in the order of their last use, with the time when each came."""
    now, evicted = [0.0], [0]

    def note() -> None:
        evicted[0] += 1

    cache = ImageCache(most=3, seconds=10, on_eviction=note, clock=lambda: now[0])
    ids: list[str] = []
    kept: list[tuple[str, float]] = []
    expected_evictions = 0
    for step, number in steps:
        kept_now = [(each, came) for each, came in kept if now[0] < came + 10]
        if step == "add":
            ids.append(cache.add(PICTURE)[0])
            kept = [*kept_now, (ids[-1], now[0])]
            expected_evictions += len(kept) > 3
            kept = kept[-3:]
        elif step == "wait":
            now[0] += number
        elif number < len(ids):
            wanted = ids[number]
            found = [pair for pair in kept_now if pair[0] == wanted]
            call = cache.get if step == "get" else cache.remove
            if found:
                call(wanted)
                kept = [pair for pair in kept if pair[0] != wanted]
                kept += found if step == "get" else []
            else:
                with pytest.raises(Refusal) as refused:
                    call(wanted)
                assert refused.value.status_code == HTTPStatus.NOT_FOUND
        cache.forget_expired()
        assert len(cache) == len([1 for _, came in kept if now[0] < came + 10])
    assert evicted[0] == expected_evictions
    assert len(set(ids)) == len(ids)
    assert all(len(each) >= 20 for each in ids)
