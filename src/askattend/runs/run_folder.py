"""A run folder: everything that is needed to answer questions elsewhere, nothing pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import torch
from torch import Tensor

from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.data.word_vectors import WordVectors
from askattend.devices import PrecisionChoice
from askattend.environment.home import expanded, shortened
from askattend.environment.packing import run_folder
from askattend.errors import RunError
from askattend.features.spec import FeatureSpec
from askattend.files import atomic_write, begin_manifest, make_folder
from askattend.files.manifest import is_expected, require_unchanged, warn_without_manifest
from askattend.files.tensors import tensor_pieces
from askattend.installation import upgrade
from askattend.metrics.calibration import Calibration
from askattend.metrics.floors import Floors
from askattend.models import Network, NetworkConfig, build_model, network_named
from askattend.models.word_embedding import give_word_vectors
from askattend.runs.network_size import give_sizes, require_size
from askattend.runs.own_code import OwnCode
from askattend.runs.run_files import VALUES, read_json, read_own_code, read_vectors
from askattend.runs.tensor_files import (
    contiguous,
    load_weights,
    read_metadata,
    read_tensors,
    strip_prefix,
)
from askattend.runs.unfinished import SEARCH, no_run, no_weights
from askattend.settings import from_mapping, read_toml, toml_bytes

# The version of a run folder's files and settings: a folder of another one is refused.
LAYOUT = 4
CONFIG, WORDS, ANSWERS = "config.toml", "words.json", "answers.json"
ATTENTION = "attention.py"
VECTORS, SUGGESTIONS = "word_vectors.safetensors", "suggestions.json"
FLOORS, FEATURES, CALIBRATION = "floors.json", "features.json", "calibration.json"
WEIGHTS = {"best": "best.safetensors", "last": "last.safetensors"}
# All that a manifest lists: besides what stands above, what training, search and evaluation write.
RUN_FILES = (
    *(CONFIG, WORDS, ANSWERS, ATTENTION, VECTORS, SUGGESTIONS, FLOORS, FEATURES, CALIBRATION),
    *WEIGHTS.values(),
    *(
        "floors.safetensors",
        "likeness.safetensors",
        "soft_answers.safetensors",
        "origin.json",
        "metrics.json",
        "log.csv",
    ),
    *(SEARCH, "search.csv", "search.png", "README.md", "report.html"),
)
# In last.safetensors weights have this prefix, since other tensors stand beside them, and how far
# training has come stands in the metadata.
_WEIGHT, _STATE = "model.", "state"


@dataclass(frozen=True)
class Run:
    """A run folder, apart from its weights.

    Attributes:
        folder: where it is.
        config: the resolved settings, as nested tables; ``config["network"]`` names the network.
        words: the word vocabulary.
        answers: the answer vocabulary.
        floors: what blind guessing learnt from the training questions; None for an imported
            network, whose training questions are not at hand.
        features: the backbone and preprocessing that the network was trained on.
        vectors: what its word embeddings began as; None for those of the papers.
        suggestions: training questions worth asking of any image; none of an imported network.
        attention: the code of an attention of somebody's own, which ``config["attention"]`` names.
    """

    folder: Path
    config: Mapping[str, Any]
    words: WordVocab
    answers: AnswerVocab
    floors: Floors | None
    features: FeatureSpec
    vectors: WordVectors | None = None
    suggestions: tuple[str, ...] = ()
    attention: OwnCode | None = None

    def save(self) -> None:
        """Write the folder; the weights follow with `save_weights` and `save_progress`."""
        begin_run(self.folder)
        atomic_write(self.folder / WORDS, msgspec.json.encode(self.words))
        atomic_write(self.folder / ANSWERS, msgspec.json.encode(self.answers))
        atomic_write(self.folder / FLOORS, msgspec.json.encode(self.floors))
        features = msgspec.json.format(msgspec.json.encode(self.features))
        atomic_write(self.folder / FEATURES, features)
        if self.vectors is not None:
            tensors = {VALUES: torch.from_numpy(self.vectors.values)}
            atomic_write(self.folder / VECTORS, tensor_pieces(tensors))
        if self.attention is not None:
            atomic_write(self.folder / ATTENTION, self.attention.source.encode())
        if self.suggestions:
            suggestions = msgspec.json.format(msgspec.json.encode(self.suggestions))
            atomic_write(self.folder / SUGGESTIONS, suggestions)
        tables = shortened({"layout": LAYOUT, **self.config})
        atomic_write(self.folder / CONFIG, toml_bytes(tables))

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a run folder, or a packed run.

        Raises:
            RunError: it is not one, it is of another layout, or a file of it is missing or
                malformed; names the file.
        """
        folder = run_folder(folder)
        config, words = read_config(folder), read_json(folder / WORDS, WordVocab)
        warn_without_manifest(folder, "run")
        suggestions = folder / SUGGESTIONS
        return cls(
            folder,
            config,
            words,
            read_json(folder / ANSWERS, AnswerVocab),
            read_json(folder / FLOORS, Floors | None),
            read_json(folder / FEATURES, FeatureSpec),
            read_vectors(folder / VECTORS, config, words),
            read_json(suggestions, tuple[str, ...]) if is_expected(suggestions) else (),
            read_own_code(folder / ATTENTION, config),
        )

    @property
    def model_config(self) -> NetworkConfig:
        """Settings of the network itself.

        Raises:
            ConfigError, RunError: config.toml does not hold valid ones.
        """
        network, where = str(self.config.get("network", "")), f"{self.folder / CONFIG}"
        if not network:
            raise RunError("names no network", where=where, remedy='Write network = "…".')
        kind = network_named(network, where=where).config_type()
        table = self.config.get("model", {})
        if not isinstance(table, Mapping):
            raise RunError("'model' must be a table", where=where, remedy="Write [model].")
        return from_mapping(kind, table, where=f"{where} [model]")

    @property
    def precision(self) -> PrecisionChoice:
        """The precision that its network was trained in.

        Raises:
            RunError: config.toml names none that there is.
        """
        table = self.config.get("train", {})
        try:
            named = table.get("precision", "auto")
            precision: PrecisionChoice = msgspec.convert(named, PrecisionChoice)
        except (AttributeError, msgspec.ValidationError):
            problem = f"[train] precision must be one of {', '.join(get_args(PrecisionChoice))}"
            raise RunError(problem, where=self.folder / CONFIG) from None
        return precision

    def new_model(self) -> Network:
        """Build the run's network, freshly initialised.

        Raises:
            ConfigError: its widths are absurd.
            UntrustedCodeError: its attention is code that this user has not agreed to run.
        """
        sizes = {
            "words": len(self.words),
            "answers": len(self.answers),
            "region_dim": self.features.input_dim,
        }
        config = self.model_config
        require_size(config, **sizes, where=f"{self.folder / CONFIG} [model]")
        model = build_model(
            config,
            **sizes,
            make_attention=None if self.attention is None else self.attention.make,
        )
        if self.vectors is not None:
            give_word_vectors(model, torch.from_numpy(self.vectors.values))
        model.hides_blank = self.features.geometry == "pad"
        if self.attention is not None:
            give_sizes(model, self.features)
        return model

    def require_weights(self) -> None:
        """Refuse a run that cannot answer; see `no_weights`.

        Raises:
            RunError: the best weights are missing; names the command that goes on with a training.
        """
        if not is_expected(self.folder / WEIGHTS["best"]):
            raise no_weights(self.folder, self.config, trained=self.floors is not None)

    def load_model(self, which: Literal["best", "last"] = "best") -> Network:
        """Load the run's network with trained weights, in evaluation mode.

        Raises:
            RunError: the weights are missing, unreadable or do not fit.
        """
        if which == "best":
            self.require_weights()
        model, file = self.new_model(), self.folder / WEIGHTS[which]
        tensors, _ = read_tensors(file)
        if which == "last":
            tensors = strip_prefix(_WEIGHT, tensors)
        load_weights(model, tensors, where=file)
        return model.eval()

    def save_calibration(self, calibration: Calibration) -> None:
        """Write what evaluation learnt about the network's probabilities."""
        atomic_write(self.folder / CALIBRATION, msgspec.json.encode(calibration))

    def load_calibration(self) -> Calibration | None:
        """Read what evaluation learnt about the network's probabilities; None before the first.

        Raises:
            RunError: the file is unreadable.
        """
        file = self.folder / CALIBRATION
        return read_json(file, Calibration) if is_expected(file) else None

    def save_weights(self, model: Network) -> None:
        """Write the best weights so far."""
        weights = contiguous(model.state_dict())
        atomic_write(self.folder / WEIGHTS["best"], tensor_pieces(weights))

    def save_progress(self, model: Network, tensors: Mapping[str, Tensor], state: bytes) -> None:
        """Write the last weights with what training needs to go on: one file, so never at odds."""
        weights = {f"{_WEIGHT}{name}": tensor for name, tensor in model.state_dict().items()}
        both = contiguous({**weights, **tensors})
        content = tensor_pieces(both, {_STATE: state.decode()})
        atomic_write(self.folder / WEIGHTS["last"], content)

    def progress_state(self) -> bytes | None:
        """Read the state that `save_progress` wrote, but no tensor; None if there is none yet.

        Raises:
            RunError: the file is unreadable, or holds weights alone.
        """
        file = self.folder / WEIGHTS["last"]
        return _state(read_metadata(file), file) if is_expected(file) else None

    def load_progress(self, model: Network) -> tuple[dict[str, Tensor], bytes] | None:
        """Put the last weights into `model`; return the other tensors and the state.

        Returns:
            what `save_progress` was given; None if there are no last weights yet.

        Raises:
            RunError: the file is unreadable or does not fit.
        """
        file = self.folder / WEIGHTS["last"]
        if not is_expected(file):
            return None
        tensors, metadata = read_tensors(file)
        load_weights(model, strip_prefix(_WEIGHT, tensors), where=file)
        others = {name: t for name, t in tensors.items() if not name.startswith(_WEIGHT)}
        return others, _state(metadata, file)


def begin_run(folder: Path) -> None:
    """Begin a run's folder, with its manifest; an older run's, which has none, stays without."""
    make_folder(folder)
    if not (folder / CONFIG).exists():
        begin_manifest(folder, RUN_FILES)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the settings of a run folder, once its layout is known to be that of this version.

    Raises:
        RunError: it is no run folder, or of another layout.
        ConfigError: config.toml is malformed; names the line.
    """
    if not (folder / CONFIG).is_file():
        raise no_run(folder)
    tables = read_toml(folder / CONFIG)
    layout = tables.pop("layout", None)
    if layout == LAYOUT:
        require_unchanged(folder / CONFIG, RunError)
        return dict(expanded(tables))
    if isinstance(layout, int) and layout > LAYOUT:
        problem = f"made by a newer version of askattend (layout {layout}, not {LAYOUT})"
        remedy = upgrade()
    else:
        problem = f"made by an earlier version of askattend (no layout {LAYOUT} in {CONFIG})"
        remedy = "Train it again, or import it again, into a new folder."
    raise RunError(problem, where=folder, remedy=remedy)


def _state(metadata: Mapping[str, str], file: Path) -> bytes:
    if _STATE not in metadata:
        raise RunError(
            "holds weights alone, not how far training had come",
            where=file,
            remedy="Copy the whole run folder, or train into another --out.",
        )
    return metadata[_STATE].encode()
