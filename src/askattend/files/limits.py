"""Limits on what a file of anybody's may ask of this machine, and the variables that raise them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from askattend.errors import ConfigError

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Limit:
    """A greatest value, which an environment variable replaces.

    Attributes:
        variable: its name.
        default: the value without it.
        unit: what the value counts.
    """

    variable: str
    default: int
    unit: str

    def value(self) -> int:
        """Return the greatest value that is allowed.

        Raises:
            ConfigError: the variable holds no positive number.
        """
        text = os.environ.get(self.variable)
        if not text:
            return self.default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            remedy = f"Set it to a number of {self.unit}, or unset it."
            raise ConfigError(
                "is no positive number", where=f"{self.variable}={text}", remedy=remedy
            )
        return math.ceil(value)

    def how_to_raise(self) -> str:
        """Return the sentence that says how more is allowed."""
        return f"If it is meant, set {self.variable} to more than {self.value():,} {self.unit}."


# The largest published file of questions, GQA's, has 1.4 GB; memory is a few times that.
FILE = Limit("ASKATTEND_MAX_FILE_MIB", 4096, "MiB")
# JSON of a million equal records packs to a hundredth; a bomb to a thousandth.
RATIO = Limit("ASKATTEND_MAX_RATIO", 200, "times its packed size")
# Of a network's weights: a billion numbers in float32, which SAAA of the paper has a hundredth of.
NETWORK = Limit("ASKATTEND_MAX_NETWORK_MIB", 4096, "MiB of weights")
# Of a picture while it is opened: 100 megapixels of 8-bit colour, 48 of 32-bit grey.
IMAGE = Limit("ASKATTEND_MAX_IMAGE_MIB", 768, "MiB")
# The longest question of the published sets has 205; a network's memory grows with its words.
QUESTION = Limit("ASKATTEND_MAX_QUESTION", 2000, "characters")
# Of one image: a grid of 64 × 64 regions of 4,096 numbers in float32.
FEATURES = Limit("ASKATTEND_MAX_FEATURES_MIB", 64, "MiB an image")
