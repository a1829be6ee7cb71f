"""TensorBoard's events, written at once by whoever has them.

tensorboardX makes the events. Its writer hands them to a thread, though: where a full disk ends
that, a queue fills up, and the next event is waited for without end.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import masked_crc32c

from askattend.files import make_folder, remove, sweep, write_whole

_NAME, _FORMAT = "events.out.tfevents", "brain.Event:2"


def event(summary: Any, step: int, at: float | None = None) -> Event:
    """Make the event of a summary.

    Args:
        summary: as a function of `tensorboardX.summary` returns it.
        step: of the training.
        at: the time in seconds since 1970; by default now.
    """
    return Event(wall_time=time.time() if at is None else at, step=step, summary=summary)


def write_events(folder: Path, events: Iterable[Event]) -> Path:
    """Write a file of events in the place of all that were in a folder; return it.

    TensorBoard, where it is open, drops what it had read of them.

    Raises:
        OSError: the disk does not take it; names the file.
    """
    make_folder(folder)
    sweep(folder)
    began = time.time()
    start = SessionLog(status=SessionLog.SessionStatus.Value("START"))
    first = [
        Event(wall_time=began, file_version=_FORMAT),
        Event(wall_time=began, step=0, session_log=start),
    ]
    # TensorBoard reads them in the order of their names, which tell the time.
    file = folder / f"{_NAME}.{began:.6f}.askattend"
    write_whole(file, [as_record(each) for each in (*first, *events)])
    for other in folder.glob(f"{_NAME}.*"):
        if other != file:
            remove(other)
    return file


def as_record(event: Event) -> bytes:
    """Frame an event as TFRecord does: its length, a checksum of that, its bytes, a checksum."""
    content = event.SerializeToString()
    parts = struct.pack("<Q", len(content)), content
    return b"".join(part + struct.pack("<I", masked_crc32c(part)) for part in parts)
