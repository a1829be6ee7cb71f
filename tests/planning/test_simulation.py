"""The simulation against closed forms, a recurrence, and laws that hold of any queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askattend.errors import ConfigError
from askattend.planning.simulation import Stage, bound, simulate

SECONDS = st.integers(0, 40).map(lambda n: n / 8)  # sums of eighths are exact


@st.composite
def pipelines(draw: st.DrawFn, *, shared: bool = True) -> list[Stage]:
    found = []
    for place in range(draw(st.integers(1, 4))):
        batch = draw(st.integers(1, 5))
        found.append(
            Stage(
                str(place),
                draw(SECONDS),
                draw(st.integers(1, 3)),
                batch,
                batch + draw(st.integers(0, 6)),
                draw(SECONDS),
                draw(st.sampled_from(["", "core"])) if shared else "",
            )
        )
    return found


def recurrence(stages: list[Stage], items: int) -> float:
    """Time of single items through single workers with bounded room, without any events.

    A worker begins item n of stage s once it arrived and item n − 1 has left the worker; it leaves
    once item n − room − 1 … has begun in the next stage, so that there is room.
    """
    began = [[0.0] * items for _ in stages]
    left = [[0.0] * items for _ in stages]
    for n in range(items):
        for s, stage in enumerate(stages):
            came = left[s - 1][n] if s else 0.0
            began[s][n] = max(came, left[s][n - 1] if n else 0.0)
            done = began[s][n] + stage.seconds + stage.overhead
            if s + 1 < len(stages) and n >= stages[s + 1].room:
                done = max(done, began[s + 1][n - stages[s + 1].room])
            left[s][n] = done
    return left[-1][-1]


@given(
    st.lists(st.tuples(SECONDS, SECONDS, st.integers(1, 4)), min_size=1, max_size=4),
    st.integers(1, 40),
)
def test_single_workers_are_the_recurrence(
    drawn: list[tuple[float, float, int]], items: int
) -> None:
    stages = [
        Stage(str(n), seconds, room=room, overhead=overhead)
        for n, (seconds, overhead, room) in enumerate(drawn)
    ]
    assert simulate(stages, items).seconds == recurrence(stages, items)


@given(SECONDS, st.integers(1, 4), st.integers(1, 5), SECONDS, st.integers(1, 60))
def test_one_stage_is_a_closed_form(
    seconds: float, workers: int, batch: int, overhead: float, items: int
) -> None:
    stage = Stage("one", seconds, workers, batch, batch, overhead)
    whole, rest = divmod(items, batch)
    rounds, over = divmod(whole, workers)
    full, last = overhead + batch * seconds, (overhead + rest * seconds) * (rest > 0)
    # The last batch, the smaller one, goes to whoever is free first.
    expected = rounds * full + (max(full, last) if over else last)
    assert simulate([stage], items).seconds == expected


@settings(max_examples=150)
@given(pipelines(), st.integers(1, 80), st.integers(1, 3), st.integers(1, 3))
def test_never_quicker_than_the_bound_and_little(
    stages: list[Stage], items: int, processes: int, cores: int
) -> None:
    found = simulate(stages, items, processes=processes, shared={"core": cores})
    full = [replace(s, overhead=0.0) for s in stages]  # the last batches may be smaller
    limit = bound(full, processes=processes, shared={"core": cores})
    assert found.rate <= limit * (1 + 1e-9)
    assert found.queue_area == pytest.approx(found.waited)  # L = λW
    for stage in stages:
        assert found.busy[stage.name] <= found.seconds * stage.workers * processes + 1e-9


@settings(max_examples=60)
@given(pipelines(shared=False))
def test_long_runs_reach_the_bound(stages: list[Stage]) -> None:
    # With room enough, and times that are not zero.
    stages = [replace(s, seconds=s.seconds + 1, room=s.room + 2000) for s in stages]
    assert simulate(stages, 1000).rate == pytest.approx(bound(stages), rel=0.08)


def test_a_shared_core_is_the_limit_of_those_who_share_it() -> None:
    stages = [Stage("decode", 1.0, 2, 1, 8, on="core"), Stage("backbone", 3.0, 1, 4, 8, on="core")]
    for processes in (1, 2):
        found = simulate(stages, 400, processes=processes, shared={"core": 1})
        assert found.seconds == 1600.0
    found = simulate(stages, 400, processes=2, shared={"core": 2})
    assert found.seconds == pytest.approx(800, rel=0.02)


@given(pipelines(shared=False), st.integers(1, 60), st.data())
def test_quicker_stages_of_single_items_are_never_slower(
    stages: list[Stage], items: int, data: st.DataObject
) -> None:
    # Of batches it holds for long runs alone: a last, smaller one may wait for another worker.
    stages = [replace(s, batch=1, workers=1) for s in stages]
    place = data.draw(st.integers(0, len(stages) - 1))
    faster = [replace(s, seconds=s.seconds / 2) if n == place else s for n, s in enumerate(stages)]
    assert simulate(faster, items).seconds <= simulate(stages, items).seconds
    assert bound(faster) >= bound(stages)


def test_start_up_is_added_once_and_parts_are_even() -> None:
    stage = Stage("one", 2.0)
    assert simulate([stage], 5, processes=2, startup=7.0).seconds == 7.0 + 3 * 2.0


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"batch": 0}, {"batch": 3, "room": 2}, {"seconds": -1.0}]
)
def test_impossible_stages_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"^bad: "):
        replace(Stage("good", 1.0), name="bad", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs a stage"):
        simulate([], 3)
