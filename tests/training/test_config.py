"""The settings of training: their ranges and choices."""

from __future__ import annotations

import pytest

from askattend.devices import pick_device
from askattend.errors import ConfigError
from askattend.settings import from_mapping
from askattend.training.config import TrainConfig


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs = 0: expected int >= 1"):
        TrainConfig(epochs=0)
    with pytest.raises(ConfigError, match="sampling = 'alphabetical'"):
        from_mapping(TrainConfig, {"sampling": "alphabetical"}, where="here")
    with pytest.raises(ConfigError, match="cannot compute on 'abacus'"):
        pick_device("abacus")
