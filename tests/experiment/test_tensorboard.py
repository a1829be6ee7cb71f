"""TensorBoard's files hold a training's settings, its result and some maps."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event

from askattend.runs.run_folder import Run
from askattend.training.history import read_history


def events(folder: Path) -> list[Event]:
    """Read TFRecords: a length, its checksum, an event, its checksum."""
    found = []
    for file in sorted(folder.glob("events*")):
        content, at = file.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            found.append(Event.FromString(content[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


@pytest.mark.parametrize(("network", "maps_name"), [("saaa", "glimpse"), ("san", "hop")])
def test_settings_result_and_maps(trained: Path, network: str, maps_name: str) -> None:
    folder = trained / "runs" / network
    best = read_history(Run.load(folder)).best
    assert best is not None
    values = [v for e in events(folder / "tensorboard" / "settings") for v in e.summary.value]
    told = {value.tag: value for value in values}
    assert told["best/accuracy"].simple_value == pytest.approx(best.valid_accuracy)
    start = told["_hparams_/session_start_info"].metadata.plugin_data.content
    for name in (b"train.learning_rate", b"model.embedding_dim", network.encode()):
        assert name in start
    maps = [v for e in events(folder / "tensorboard" / "maps") for v in e.summary.value]
    images = [value for value in maps if value.HasField("image")]
    assert len(images) == 12
    assert images[1].tag == f"maps/1_{maps_name}_2"
    assert images[0].image.encoded_image_string.startswith(b"\x89PNG")
    texts = [value.tag for value in maps if not value.HasField("image")]
    assert len(texts) == 6
