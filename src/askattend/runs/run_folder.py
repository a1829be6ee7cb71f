"""A run folder: everything that is needed to answer questions elsewhere, nothing pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import Precision
from askattend.errors import AskAttendError, RunError, did_you_mean
from askattend.features.spec import FeatureSpec
from askattend.files import atomic_write
from askattend.metrics.accuracy import Floors
from askattend.metrics.calibration import Calibration
from askattend.models import Network, NetworkConfig, build_model, networks
from askattend.settings import from_mapping, read_toml, toml_bytes

CONFIG, WORDS, ANSWERS = "config.toml", "words.json", "answers.json"
FLOORS, FEATURES, CALIBRATION = "floors.json", "features.json", "calibration.json"
WEIGHTS = {"best": "best.safetensors", "last": "last.safetensors"}
# Within last.safetensors, what else training needs to go on stands beside the weights.
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
    """

    folder: Path
    config: Mapping[str, Any]
    words: WordVocab
    answers: AnswerVocab
    floors: Floors | None
    features: FeatureSpec

    def save(self) -> None:
        """Write the folder; the weights follow with `save_weights` and `save_progress`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self.folder / WORDS, msgspec.json.encode(self.words))
        atomic_write(self.folder / ANSWERS, msgspec.json.encode(self.answers))
        atomic_write(self.folder / FLOORS, msgspec.json.encode(self.floors))
        features = msgspec.json.format(msgspec.json.encode(self.features))
        atomic_write(self.folder / FEATURES, features)
        atomic_write(self.folder / CONFIG, toml_bytes(self.config))

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a run folder.

        Raises:
            RunError: it is not one, or a file of it is missing or malformed; names the file.
        """
        folder = Path(folder)
        if not (folder / CONFIG).is_file():
            problem = "not a run folder (no config.toml)" if folder.is_dir() else "no such folder"
            raise RunError(
                problem, where=folder, remedy="Make one with: askattend train … --out FOLDER."
            )
        return cls(
            folder,
            read_toml(folder / CONFIG),
            _read_json(folder / WORDS, WordVocab),
            _read_json(folder / ANSWERS, AnswerVocab),
            _read_json(folder / FLOORS, Floors | None),
            _read_json(folder / FEATURES, FeatureSpec),
        )

    @property
    def model_config(self) -> NetworkConfig:
        """The network's own settings.

        Raises:
            ConfigError, RunError: config.toml does not hold valid ones.
        """
        network, where = str(self.config.get("network", "")), f"{self.folder / CONFIG}"
        if network not in networks():
            problem = f"unknown network '{network}'" if network else "names no network"
            raise RunError(problem, where=where, remedy=did_you_mean(network, networks()))
        table = self.config.get("model", {})
        if not isinstance(table, Mapping):
            raise RunError("'model' must be a table", where=where, remedy="Write [model].")
        return from_mapping(networks()[network].config_type(), table, where=f"{where} [model]")

    @property
    def precision(self) -> Precision:
        """What its network's matrices were multiplied in when it was trained.

        Raises:
            RunError: config.toml names none that there is.
        """
        table = self.config.get("train", {})
        try:
            named: Precision = msgspec.convert(table.get("precision", "auto"), Precision)
        except (AttributeError, msgspec.ValidationError):
            problem = f"[train] precision must be one of {', '.join(get_args(Precision))}"
            raise RunError(problem, where=self.folder / CONFIG) from None
        return named

    def new_model(self) -> Network:
        """The run's network, freshly initialised."""
        return build_model(
            self.model_config,
            words=len(self.words),
            answers=len(self.answers),
            region_dim=self.features.region_dim,
        )

    def load_model(self, which: Literal["best", "last"] = "best") -> Network:
        """The run's network with trained weights, in evaluation mode.

        Raises:
            RunError: the weights are missing, unreadable or do not fit.
        """
        model, file = self.new_model(), self.folder / WEIGHTS[which]
        tensors, _ = _open(file)
        if which == "last":
            tensors = under(_WEIGHT, tensors)
        load_weights(model, tensors, where=file)
        return model.eval()

    def save_calibration(self, calibration: Calibration) -> None:
        """Write what evaluation learnt about the network's probabilities."""
        atomic_write(self.folder / CALIBRATION, msgspec.json.encode(calibration))

    def load_calibration(self) -> Calibration | None:
        """What evaluation learnt about the network's probabilities; None before the first.

        Raises:
            RunError: the file is unreadable.
        """
        file = self.folder / CALIBRATION
        return _read_json(file, Calibration) if file.exists() else None

    def save_weights(self, model: Network) -> None:
        """Write the best weights so far."""
        atomic_write(self.folder / WEIGHTS["best"], save(_contiguous(model.state_dict())))

    def save_progress(self, model: Network, tensors: Mapping[str, Tensor], state: bytes) -> None:
        """Write the last weights with what training needs to go on: one file, so never at odds."""
        weights = {f"{_WEIGHT}{name}": tensor for name, tensor in model.state_dict().items()}
        content = save(_contiguous({**weights, **tensors}), metadata={_STATE: state.decode()})
        atomic_write(self.folder / WEIGHTS["last"], content)

    def progress_state(self) -> bytes | None:
        """The state that `save_progress` wrote, without the tensors; None if none yet."""
        file = self.folder / WEIGHTS["last"]
        return _state(_open(file)[1], file) if file.exists() else None

    def load_progress(self, model: Network) -> tuple[dict[str, Tensor], bytes] | None:
        """Put the last weights into `model`; the other tensors and state, or None if none yet.

        Raises:
            RunError: the file is unreadable or does not fit.
        """
        file = self.folder / WEIGHTS["last"]
        if not file.exists():
            return None
        tensors, metadata = _open(file)
        load_weights(model, under(_WEIGHT, tensors), where=file)
        others = {name: t for name, t in tensors.items() if not name.startswith(_WEIGHT)}
        return others, _state(metadata, file)


def load_weights(model: torch.nn.Module, tensors: Mapping[str, Tensor], *, where: Path) -> None:
    """Copy tensors into a network by name.

    Raises:
        RunError: a tensor is missing, left over or of another shape; names it.
    """
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise RunError(f"lacks the tensor '{name}'", where=where)
        if tensors[name].shape != tensor.shape:
            found, wanted = list(tensors[name].shape), list(tensor.shape)
            raise RunError(f"'{name}' has shape {found}, expected {wanted}", where=where)
    if left_over := sorted(tensors.keys() - expected.keys()):
        raise RunError(f"the network has no tensor '{left_over[0]}'", where=where)
    model.load_state_dict(dict(tensors))


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, without it."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _state(metadata: Mapping[str, str], file: Path) -> bytes:
    if _STATE not in metadata:
        raise RunError(
            "holds weights alone, not how far training had come",
            where=file,
            remedy="Copy the whole run folder, or delete this file to train from the start.",
        )
    return metadata[_STATE].encode()


def _open(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not file.is_file():
        raise RunError(
            "missing", where=file, remedy="Train to the end of an epoch, or copy the whole folder."
        )
    try:
        with safe_open(file, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            return tensors, opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Train again.") from None


def _read_json(file: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        raise RunError("missing", where=file, remedy="Copy the whole run folder.") from None
    except (OSError, msgspec.DecodeError, AskAttendError) as error:
        raise RunError(f"unreadable ({error})", where=file, remedy="Train again.") from None
