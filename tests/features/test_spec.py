"""What features are made by, and what may be mixed."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import FeatureError
from askattend.features.spec import FeatureSpec, fingerprint

SPEC = FeatureSpec(
    backbone="efficientnet-lite2",
    fingerprint="0123456789abcdef",
    image_size=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    rows=2,
    columns=2,
    region_dim=3,
    dtype="float16",
)


def test_a_spec_requires_every_field_to_be_the_same() -> None:
    SPEC.require(replace(SPEC), where="store")
    SPEC.require(replace(SPEC, coordinates=True), where="store")  # are no matter of what is stored
    for field in fields(SPEC):
        if field.name == "coordinates":
            continue
        old = getattr(SPEC, field.name)
        new: Any = {str: "other", int: 9, float: 0.5, tuple: (0.1, 0.2, 0.3)}[type(old)]
        other = replace(SPEC)
        object.__setattr__(other, field.name, new)  # some have one valid value only
        with pytest.raises(FeatureError) as caught:
            SPEC.require(other, where="store")
        message = str(caught.value)
        assert message.startswith("store: ")
        assert f"{field.name} {old!r} against {new!r}" in message
        another = field.name in ("backbone", "fingerprint")
        assert ("another backbone" in message) == another


def test_the_hub_s_and_a_folder_s_copy_are_one_backbone() -> None:
    one, other = replace(SPEC, backbone="hf:owner/name"), replace(SPEC, backbone="hf:/folder")
    one.require(other, where="store")
    with pytest.raises(FeatureError, match="fingerprint"):
        one.require(replace(other, fingerprint="f"), where="store")


@given(st.permutations(["a", "b", "c"]), st.integers(0, 5))
def test_fingerprint_depends_on_names_and_bytes_alone(order: list[str], place: int) -> None:
    state = {name: torch.arange(6.0).view(2, 3) + i for i, name in enumerate("abc")}
    assert fingerprint({name: state[name] for name in order}) == fingerprint(state)
    changed = state["b"].clone()
    changed.view(-1)[place] += 1e-3
    assert fingerprint({**state, "b": changed}) != fingerprint(state)
    assert fingerprint({"a": state["a"], "b": state["b"], "d": state["c"]}) != fingerprint(state)
    assert len(fingerprint(state)) == 16
    assert fingerprint({"a": torch.tensor(1)}) != fingerprint({"a": torch.tensor(2)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0}, "rows is 0"),
        ({"columns": -3}, "columns is -3"),
        ({"region_dim": 0}, "region_dim is 0"),
        ({"image_size": -1}, "image_size is -1"),
        ({"image_size": 10**12}, "image_size is 1,000,000,000,000"),
        ({"coarse_dim": 10**6}, "coarse_dim is 1,000,000"),
        ({"std": (1.0, 0.0, 1.0)}, "std"),
        ({"mean": (0.0, float("nan"), 0.0)}, "mean"),
        ({"central_fraction": 0.0}, "central_fraction is 0.0"),
        ({"rows": 10**9}, "1,000,000,000 × "),
        ({"region_dim": 10**20}, "ASKATTEND_MAX_FEATURES_MIB"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        replace(SPEC, **changes)
