"""A network of Cyanogenoid/pytorch-vqa as a run folder that answers as it did there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from askattend.data.vocab import SHARED, AnswerVocab, WordVocab
from askattend.environment.origin import Origin
from askattend.environment.provenance import Provenance
from askattend.errors import RunError
from askattend.experiment.config import Config, VocabConfig
from askattend.features.backbones import check_name
from askattend.features.extraction import ExtractConfig
from askattend.features.spec import FeatureSpec
from askattend.files import whole_folder
from askattend.importing.log import Log, read_log
from askattend.importing.out_folder import require_free
from askattend.importing.preprocessing import original_spec
from askattend.models import SAAAConfig
from askattend.runs.run_folder import CONFIG, Run, begin_run
from askattend.training.config import TrainConfig

STRIDE = 32  # pixels of the image a region, in each direction
SIDE = 14  # regions of its grid in each direction, if it does not say
# The beginnings of its tensors' names → ours.
NAMES = {
    "text.": "encoder.",
    "attention.v_conv.": "attention.region.",
    "attention.q_lin.": "attention.question.",
    "attention.x_conv.": "attention.score.",
    "classifier.lin1.": "classifier.1.",
    "classifier.lin2.": "classifier.4.",
}


def our_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the original's tensors to those of `SAAA`; its 1×1 convolutions become linear."""
    renamed = {}
    for name, tensor in tensors.items():
        # read_log admits no other names.
        prefix = next(prefix for prefix in NAMES if name.startswith(prefix))
        flat = tensor.flatten(1) if tensor.ndim == 4 else tensor
        renamed[name.replace(prefix, NAMES[prefix], 1)] = flat
    return renamed


def import_log(file: Path, out: Path, *, backbone: str | None = None) -> Run:
    """Turn a log into a run folder that answers as the original does, its tokeniser included.

    Args:
        file: the log.
        out: the run folder; must not exist, or be an empty folder.
        backbone: what made its features, to be recorded where it is known; e.g.
            ``"hf:microsoft/resnet-152"``.

    Raises:
        RunError: see `read_log`; or `out` holds something.
        FeatureError: `backbone` has not the form of a backbone's name.
    """
    require_free(out, (CONFIG,), "a run", RunError)
    backbone = None if backbone is None else check_name(backbone)
    log = read_log(file)
    run = Run(
        out,
        _tables(log, backbone),
        # Its index 0 is both padding and every unknown word.
        WordVocab((SHARED, *log.words), tokeniser="pytorch-vqa"),
        AnswerVocab(log.answers),
        None,
        _features(log, backbone),
    )
    model = run.new_model()
    model.load_state_dict(our_names(log.weights))
    with whole_folder(out) as unfinished:
        imported = replace(run, folder=unfinished)
        begin_run(unfinished)
        imported.save_weights(model)
        Origin(Provenance.now()).save(unfinished)
        imported.save()
    return run


def _tables(log: Log, backbone: str | None) -> dict[str, Any]:
    """Make the tables of the run's settings, with a backbone only if it is known."""
    tables = _config(log, backbone).tables()
    if backbone is None:
        # Or our default would be taken for what made the features.
        del tables["extract"]["backbone"]
    return tables


def _config(log: Log, backbone: str | None) -> Config[SAAAConfig]:
    """Translate the log's settings to our names; what it does not say keeps our default."""
    its, widths = log.settings, log.widths
    training = {
        "precision": "float32",  # as the original computed, so that answers are its own
        "epochs": its.epochs,
        "batch_size": its.batch_size,
        "learning_rate": its.initial_lr,
        "lr_half_life": its.lr_halflife,
    }
    extraction = {"backbone": backbone, "image_size": its.image_size}
    return Config(
        SAAAConfig(
            embedding_dim=widths.embedding,
            question_dim=widths.question,
            attention_dim=widths.attention,
            glimpses=widths.glimpses,
            hidden_dim=widths.hidden,
        ),
        vocab=VocabConfig(answers=its.max_answers or widths.answers),
        extract=ExtractConfig(**_given(extraction)),
        train=TrainConfig(**_given(training)),
    )


def _given(settings: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _features(log: Log, backbone: str | None) -> FeatureSpec:
    """Describe the original's features, as far as its settings tell."""
    its = log.settings
    # The grid as set, or by the image and the network's stride, or the paper's.
    side = its.output_size or (its.image_size or 0) // STRIDE or SIDE
    return original_spec(
        rows=side,
        columns=side,
        region_dim=log.widths.region,
        backbone=backbone,
        image_size=its.image_size,
        central_fraction=its.central_fraction,
    )
