"""Limits of the service: what it takes, keeps and waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from askattend.settings import NaturalFloat, Positive, PositiveFloat, check

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


@dataclass(frozen=True)
class ServingLimits:
    """Limits of the service; a request beyond one is refused with a status that says which."""

    max_image_bytes: Positive = 20_000_000
    """Bytes of an image's file; more are refused (413)."""
    max_pixels: Positive = 50_000_000
    """Pixels of an image, read from its header before it is decoded; more are refused (413)."""
    max_questions: Positive = 32
    """Questions a request; more are refused (422)."""
    max_question_length: Positive = 500
    """Characters of a question; more are refused (422)."""
    max_words: Positive = 200
    """Words of a request that wants each one's effect; more are refused (422)."""
    cache_images: Positive = 256
    """Images kept at once; the one not asked about for longest goes first."""
    cache_seconds: PositiveFloat = 3600.0
    """Seconds that an image is kept for."""
    queue: Positive = 128
    """Requests at work or waiting at once; more are told to come back (429)."""
    timeout: PositiveFloat = 30.0
    """Seconds that a request may take; one that takes longer is given up (503)."""
    batch_wait_ms: NaturalFloat = 2.0
    """Milliseconds to wait for questions that can be answered in the same batch."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Address:
    """Address that the service listens at."""

    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 is every address of this machine."""
    port: Port = 7860
    """Port to listen at; 0 takes a free one, and says which."""

    def __post_init__(self) -> None:
        check(self)
