"""Steps recorded by the name of their symbols."""

from __future__ import annotations

import pytest

from askattend.models.symbols import record
from tracing.networks import network


def test_the_recorder_is_silent_outside_its_block() -> None:
    model, batch = network("san")
    with record() as steps:
        model(*batch)
    count = len(steps.steps)
    model(*batch)
    assert len(steps.steps) == count
    assert set(steps) >= {"image", "question", "scores.1", "attention.3", "query.3", "logits"}
    with pytest.raises(KeyError, match=r"no step 'query'; there are: regions, image"):
        steps["query"]


def test_a_record_lists_names_and_shapes() -> None:
    model, batch = network("san-cnn")
    with record() as steps:
        assert repr(steps) == "Record of 0 tensors"
        model(*batch)
    first, *lines = repr(steps).splitlines()
    assert first == f"Record of {len(steps)} tensors"
    assert [line.split()[0] for line in lines] == list(steps)
    for line, tensor in zip(lines, steps.values(), strict=True):
        assert line.endswith("  " + " × ".join(map(str, tensor.shape)))
