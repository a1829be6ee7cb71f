"""Models of transformers that answer questions about pictures, found by what their folder says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from askattend.data.questions import QASet
from askattend.environment.hub import PREFIX, fetch_files, is_named
from askattend.errors import RunError
from askattend.features.spec import fingerprint
from askattend.foreign.answer import MOST_TOKENS, TOGETHER, Ask
from askattend.foreign.classes import Loaded, ask_classifier, known_answers
from askattend.foreign.generating import Generator, ends_of, pad_before, reads_padding
from askattend.installation import pip_install

# No pickle is among these, and no code.
_PATTERNS = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.tiktoken"]
_IGNORED = ["*/*", "consolidated*"]
_CLASSIFIER, _GENERATOR = "ViltForQuestionAnswering", "BlipForQuestionAnswering"


@dataclass(frozen=True)
class ForeignModel:
    """A model that is loaded.

    Attributes:
        name: as it was named.
        kind: transformers' class of it.
        mark: 16 hex digits of its weights, by which it is told from any other.
        parameters: their number.
        prompt: what is asked, with ``{question}`` in it; None where it is the question alone.
        known: answers that it can give; None where it may say anything.
        together: how many questions it is asked at once.
        by_image: True where these are about one image.
    """

    name: str
    kind: str
    mark: str
    parameters: int
    prompt: str | None
    known: tuple[str, ...] | None
    together: int
    by_image: bool
    _loaded: Loaded
    _max_tokens: int

    def ask(self, questions: QASet, console: Console) -> Ask:
        """Return what answers these questions; their pictures are opened as they are asked.

        Args:
            questions: those of a split.
            console: where notes go.
        """
        if self.kind == _CLASSIFIER:
            return ask_classifier(self._loaded, questions)
        return Generator(self._loaded, questions, self.prompt, self._max_tokens, console)


def load_foreign(
    named: Path,
    *,
    device: torch.device,
    prompt: str | None = None,
    max_tokens: int = MOST_TOKENS,
    batch_size: int = TOGETHER,
) -> ForeignModel:
    """Load a model by its folder or its name on the hub.

    Args:
        named: its folder, or ``hf:USER/NAME``.
        device: where to compute.
        prompt: see `ForeignModel`; by default what suits its class.
        max_tokens: that an answer may have, where it is made word by word.
        batch_size: how many questions are asked at once.

    Raises:
        RunError: transformers is not installed, the model is not to be had, has no weights as
            safetensors or not all of them, or answers no questions about pictures.
    """
    transformers = _transformers()
    name, folder = named.as_posix(), named
    if is_named(named):
        instead = "a model's folder"
        patterns = (_PATTERNS, _IGNORED)
        folder = fetch_files(name.removeprefix(PREFIX), *patterns, instead=instead)
    with _quiet(), _told(name):
        where = {"local_files_only": True, "trust_remote_code": False}
        config = transformers.AutoConfig.from_pretrained(folder, **where)
        kind, model_class = _class_of(config, transformers, name)
        known = known_answers(config) if kind == _CLASSIFIER else None
        processor = transformers.AutoProcessor.from_pretrained(folder, **where)
        model, info = model_class.from_pretrained(
            folder, **where, use_safetensors=True, output_loading_info=True
        )
    _require_weights(info, name)
    mark = fingerprint(model.state_dict())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    # Many are stored in half precision, in which a processor computes slowly or not at all.
    model = (model.float() if device.type == "cpu" else model).to(device).eval()
    writes = kind != _CLASSIFIER
    if writes:
        pad_before(model, processor)
    ends = ends_of(model) if writes else frozenset()
    loaded = Loaded(model, processor, device, ends, writes and reads_padding(model))
    return ForeignModel(
        name,
        kind,
        mark,
        parameters,
        loaded.prompt(prompt) if kind not in (_CLASSIFIER, _GENERATOR) else prompt,
        known,
        batch_size,
        not writes,
        loaded,
        max_tokens,
    )


def _class_of(config: Any, transformers: Any, name: str) -> tuple[str, Any]:
    """Return the class that answers questions for a kind of model, with its name."""
    built = (getattr(config, "architectures", None) or [""])[0]
    if config.model_type == "vilt":
        return _CLASSIFIER, transformers.ViltForQuestionAnswering
    if built == _GENERATOR:
        return _GENERATOR, transformers.BlipForQuestionAnswering
    from transformers.models.auto import modeling_auto

    # As it is called since 4.45, and was before.
    for mapping, auto in (
        ("MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING", "AutoModelForImageTextToText"),
        ("MODEL_FOR_VISION_2_SEQ_MAPPING", "AutoModelForVision2Seq"),
    ):
        known = getattr(modeling_auto, mapping, None)
        if known is not None and type(config) in known:
            return known[type(config)].__name__, getattr(transformers, auto)
    raise RunError(
        f"'{config.model_type}' ({built or 'no class is named'}) answers no questions about "
        "pictures with the transformers that is installed",
        where=name,
        remedy="Name a model of ViltForQuestionAnswering, BlipForQuestionAnswering or any "
        "image-text-to-text class, or a run of askattend's.",
    )


def _require_weights(info: Any, name: str) -> None:
    lacking = sorted(info["missing_keys"])
    if lacking or info.get("mismatched_keys"):
        first = lacking[0] if lacking else info["mismatched_keys"][0]
        problem = f"weights that answer are not in its files and would be random ('{first}', …)"
        remedy = "Name a model that was trained to answer questions."
        raise RunError(problem, where=name, remedy=remedy)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise RunError(
            "a model of transformers' needs that package, which is not installed",
            remedy=f"Install it: {pip_install('hub')}",
        ) from None
    return transformers


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn whatever transformers raises on a folder into an error of our own."""
    try:
        yield
    except RunError:
        raise
    except MemoryError:
        raise RunError("does not fit in memory", where=name, remedy="Free some.") from None
    except Exception as error:  # it raises many kinds for a model that it does not know
        said = " ".join((str(error).strip() or type(error).__name__).splitlines()[0].split())
        raise RunError(
            f"transformers cannot load it ({said[:300].rstrip('.')})",
            where=name,
            remedy="It needs config.json, weights as safetensors and its processor's files, as "
            "save_pretrained of model and processor writes them.",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from printing; what matters of what it says is raised."""
    from transformers.utils import logging as messages

    logger, bars = logging.getLogger("transformers"), messages.is_progress_bar_enabled()
    level = logger.level
    messages.disable_progress_bar()
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        if bars:
            messages.enable_progress_bar()
