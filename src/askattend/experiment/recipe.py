"""Settings that scale with the data: what `askattend train` does where nobody says otherwise.

The papers' settings are for VQA's hundred thousands of questions; on a few thousand they lose to a
bag of words. docs/experiments.md has the experiments that these rules rest on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from askattend.data.questions import QASet
from askattend.data.vocab import count_spellings, key_counts
from askattend.experiment.config import Config, RecipeName

# Training questions below which a set is small, and medium; widths follow.
SMALL, MEDIUM = 20_000, 100_000
WIDTHS = {"small": 256, "medium": 512}
# With so many questions an answer there is little to learn by heart: dropout only slows learning.
PLENTY = 500
# Below so many questions batches are smaller, so that an epoch has some thirty steps at least.
BATCH_SIZES = ((750, 16), (3_000, 32))
# Longer courses fit the training questions better and others worse.
EPOCHS, EPOCHS_OF_FEW, FEW = 8, 10, 3_000
# Networks that teach, the linear floor's share beside them; and how often teachers alone are asked
# a question again, of other images: the fewer there are, the more often, in all about so many.
TEACHERS, FLOOR_SHARE = 2, 0.5
CROSSED, MOST_CROSSED = 15_000, 4
# Questions that a training goes through in all, epochs together, where there is plenty.
SEEN_IF_PLENTY, FEWEST_EPOCHS, MOST_EPOCHS = 300_000, 8, 60


@dataclass(frozen=True)
class SetSize:
    """How much there is to learn from.

    Attributes:
        questions: of the training split.
        images: that they are about.
        answers: distinct ones among them, spellings aside.
    """

    questions: int
    images: int
    answers: int

    @classmethod
    def of(cls, questions: QASet) -> SetSize:
        """Count a training split."""
        images = {question.image for question in questions}
        answers = key_counts(count_spellings(questions).items())
        return cls(len(questions), len(images), max(len(answers), 1))

    @property
    def is_plenty(self) -> bool:
        """True where every answer has many questions."""
        return self.questions >= PLENTY * self.answers

    def __str__(self) -> str:
        return f"{self.questions:,} questions, {self.images:,} images, {self.answers:,} answers"


# Of each recipe one size at least, with plenty for each answer and without.
_SIZES = (
    *(SetSize(few - 1, 30, few) for few, _ in BATCH_SIZES),
    *(
        SetSize(questions, 30, answers)
        for answers in (1, 10_000)
        for questions in (SMALL - 1, SMALL)
    ),
    *(SetSize(MEDIUM, 30, answers) for answers in (1, 10_000)),
)


def recipe_for(config: Config[Any], size: SetSize) -> Config[Any]:
    """Return settings with what the recipe that they name chooses for a size of data.

    Args:
        config: ``config.recipe`` is the name; ``"auto"`` chooses by the number of questions.
        size: of the training split.

    Returns:
        The settings, whose `recipe` is now the one chosen; those of a recipe that is ``"paper"``
        as they are. Settings that a network does not have are passed over.
    """
    name = config.recipe if config.recipe != "auto" else _name_by(size)
    config = replace(config, recipe=name)
    if name == "paper":
        return config
    model = _replace_known(config.model, _model_settings(name, size))
    train = replace(config.train, **_training(name, size), **_teaching(name, size))
    seeds = TEACHERS if train.distil_floor else config.seeds
    return replace(config, model=model, train=train, seeds=seeds)


def decided_by_recipe(config: Config[Any]) -> dict[type, frozenset[str]]:
    """Find the settings whose value depends on the size of the data, in some recipe.

    Args:
        config: of the network.

    Returns:
        dataclass of settings → names of its fields.
    """
    found = [recipe_for(replace(config, recipe="auto"), size) for size in _SIZES]
    parts = [(each, each.model, each.train) for each in found]
    before = (config, config.model, config.train)
    return {
        type(own): frozenset(
            field.name
            for field in dataclasses.fields(own)
            if field.name not in ("recipe", "model", "train")
            and any(getattr(p[number], field.name) != getattr(own, field.name) for p in parts)
        )
        for number, own in enumerate(before)
    }


def describe_recipe(config: Config[Any], size: SetSize) -> str:
    """Describe in a line which recipe was chosen, for what size, and what differs from the paper.

    Args:
        config: settings as they will be used, options included.
        size: of the training split.
    """
    line = f"recipe: {config.recipe} ({size})"
    changes = ", ".join(f"{name} {value}" for name, value in _changes(config))
    return f"{line}: {changes}" if changes else line


def _name_by(size: SetSize) -> RecipeName:
    if size.questions < SMALL:
        return "small"
    return "medium" if size.questions < MEDIUM else "large"


def _model_settings(name: RecipeName, size: SetSize) -> dict[str, Any]:
    """Choose widths, dropout and the linear term."""
    settings: dict[str, Any] = {}
    if name != "large":
        width = WIDTHS["small" if size.is_plenty else name]
        settings |= {"question_dim": width, "attention_dim": width // 2, "hidden_dim": width}
        # SAN's CNN, as wide as the LSTM together, in the paper's proportions.
        settings |= {"unigram_filters": width // 5, "bigram_filters": width * 2 // 5}
        settings |= {"trigram_filters": width * 2 // 5}
    if size.is_plenty:
        return settings | {"dropout": 0.0}
    return settings | ({} if name == "large" else {"word_logits": "pairs", "dropout": 0.3})


def _training(name: RecipeName, size: SetSize) -> dict[str, Any]:
    """Choose the rate and its course, the length, and what keeps weights from fitting noise."""
    settings = {"lr_half_life": 0.0, "final_lr_fraction": 0.02, "warmup": 0.1, "clip_norm": 1.0}
    if name == "large":
        return settings
    return settings | {
        "batch_size": next((batch for few, batch in BATCH_SIZES if size.questions < few), 64),
        "learning_rate": 4e-3 if size.is_plenty else 2e-3,
        "epochs": _epochs(size),
        # The rate has fallen by then: the course is meant to be gone through to its end. The most
        # accurate epoch on some dozens of validation questions would be one drawn by lot.
        "patience": 0,
        "keep": "last",
        "label_smoothing": 0.0 if size.is_plenty else 0.1,
        "linear_lr_scale": 3.0,
    }


def _teaching(name: RecipeName, size: SetSize) -> dict[str, Any]:
    """Choose what the network learns from other networks and a linear floor."""
    if name != "small" or size.is_plenty:
        return {}
    crossed = min(max(CROSSED // size.questions, 1), MOST_CROSSED)
    return {"distil_floor": FLOOR_SHARE, "distil_crossed": crossed}


def _epochs(size: SetSize) -> int:
    if size.is_plenty:
        epochs = math.ceil(SEEN_IF_PLENTY / size.questions)
        return min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS)
    return EPOCHS_OF_FEW if size.questions < FEW else EPOCHS


def _replace_known(config: Any, settings: Mapping[str, Any]) -> Any:
    known = {field.name for field in dataclasses.fields(config)}
    return replace(config, **{name: value for name, value in settings.items() if name in known})


def _changes(config: Config[Any]) -> list[tuple[str, Any]]:
    """List the settings of network and training that are not the paper's."""
    pairs = ((part, type(part)()) for part in (config.model, config.train))
    seeds: list[tuple[str, Any]] = [("seeds", config.seeds)] if config.seeds > 1 else []
    taught = config.seeds > 1 or config.train.distil_floor > 0
    return seeds + [
        (field.name, value)
        for part, default in pairs
        for field in dataclasses.fields(part)
        if (value := getattr(part, field.name)) != getattr(default, field.name)
        # What teachers would be asked says nothing where there are none.
        and (taught or field.name != "distil_crossed")
    ]
