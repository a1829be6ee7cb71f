"""TensorBoard beside the curves: a training's settings with their result, and some of its maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import hparams, image, scalar, text

from askattend.data.questions import QASet, Question
from askattend.drawing.overlay import fit_long_side, tinted_map
from askattend.drawing.scale import scale_in_words
from askattend.errors import ImageError
from askattend.experiment.features import Features
from askattend.features.geometry import crop_of
from askattend.features.images import open_image
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from askattend.training.events import event, write_events
from askattend.training.history import TrainingHistory
from askattend.training.log import TENSORBOARD

# Questions whose maps are shown, each about an image of its own; long side in pixels.
MAPS, SIDE = 6, 320


def log_result(run: Run, history: TrainingHistory, valid: QASet, features: Features) -> None:
    """Write settings with what they came to, and maps of some validation questions.

    Each has a folder of its own, written anew: a resumed training has them once.

    Args:
        run: with its best weights.
        history: of the training, at least an epoch.
        valid: validation questions.
        features: of their images.

    Raises:
        OSError: the disk does not take them.
    """
    best, folder = history.best, run.folder / TENSORBOARD
    assert best is not None, "training runs for at least one epoch"
    settings = {
        f"{section}.{name}": value if isinstance(value, (bool, int, float, str)) else str(value)
        for section in ("model", "train")
        for name, value in run.config.get(section, {}).items()
    }
    settings |= {name: str(run.config.get(name, "")) for name in ("network", "recipe")}
    result = {"best/accuracy": best.valid_accuracy, "best/loss": best.valid_loss}
    events = [event(summary, 0) for summary in hparams(settings, result)]
    events += [event(scalar(name, value), best.step) for name, value in result.items()]
    write_events(folder / "settings", events)
    predictor = Predictor(run, run.load_model())
    if predictor.model.attends:
        write_events(folder / "maps", _maps(predictor, valid, features, best.step))


def _maps(predictor: Predictor, valid: QASet, features: Features, step: int) -> Iterator[Event]:
    scale = scale_in_words(predictor.run.features.rows * predictor.run.features.columns)
    first_of_image: dict[str, Question] = {}
    for question in valid:
        first_of_image.setdefault(question.image, question)
    for number, question in enumerate(list(first_of_image.values())[:MAPS], 1):
        try:
            picture = open_image(valid.images[question.image])
        except ImageError:  # its features were enough to learn from; there is nothing to show
            continue
        look = predictor.look_at(features.read([question.image]))
        answer = predictor.answer(look, [0], [question.text])[0]
        seen, small = crop_of(picture.size, features.spec), fit_long_side(picture, SIDE)
        for which, attention in enumerate(answer.attention, 1):
            tinted = tinted_map(small, attention, small.size, seen=seen)
            tag = f"maps/{number}_{predictor.maps_name}_{which}"
            yield event(image(tag, np.asarray(tinted), dataformats="HWC"), step)
        said = f"{question.text} — {answer.text}, {answer.probability:.0%}  \n{scale}"
        yield event(text(f"maps/{number}", said), step)
