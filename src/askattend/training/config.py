"""Settings of training a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from askattend.devices import PrecisionChoice
from askattend.errors import ConfigError
from askattend.settings import (
    ClosedFraction,
    Natural,
    NaturalFloat,
    Positive,
    PositiveFloat,
    Probability,
    Seed,
    check,
)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of training a network; the defaults are those of SAAA."""

    epochs: Positive = 30
    """Times to go through the training questions, at most."""
    batch_size: Positive = 128
    """Questions a step, of all processes together."""
    accumulate: Positive = 1
    """Parts that a process goes through its questions of a step in, one after another, in less
    memory; the weights move once."""
    sampling: Literal["by-image", "uniform"] = "by-image"
    """by-image keeps four questions of an image together in a batch (faster); uniform shuffles
    freely."""
    coordinates: bool = False
    """Append to each region its place in the image, x and y from -1 to 1, as it is read."""
    flips: ClosedFraction = 0.0
    """Probability that an image is mirrored in a step, "left" and "right" swapped in its questions
    and answers; their language must be known (English, German, Chinese)."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Rule that moves the weights; sgd with momentum."""
    learning_rate: PositiveFloat = 1e-3
    """The optimizer's step size at the start."""
    embedding_lr_scale: NaturalFloat = 1.0
    """The word embedding's learning rate, as a multiple of the others'; 0 freezes it."""
    word_dropout: Probability = 0.0
    """Probability of replacing a word of a training question by the unknown word."""
    linear_lr_scale: PositiveFloat = 1.0
    """The linear word term's learning rate, as a multiple of the others'."""
    momentum: Probability = 0.9
    """Share of its last movement that sgd keeps."""
    lr_half_life: NaturalFloat = 50_000
    """Steps after which the learning rate has halved; 0 keeps it constant."""
    final_lr_fraction: NaturalFloat = 1.0
    """The last step's share of the learning rate, reached along a cosine; 1 for none."""
    warmup: Probability = 0.0
    """Share of all steps in which the learning rate rises from zero."""
    targets: Literal["soft", "sampled"] = "soft"
    """soft: a question's loss counts all its human answers; sampled: one, drawn at each step."""
    l2_penalty: NaturalFloat = 0.0
    """Times the sum of squares of all parameters but the word embedding, added to the loss."""
    weight_decay: NaturalFloat = 0.0
    """Times the learning rate, by which each step shortens the weights (Loshchilov & Hutter)."""
    label_smoothing: Probability = 0.0
    """Share of each question's target that is spread over all answers."""
    distil_weight: ClosedFraction = 0.5
    """Share of a question's target that is the soft answers of teachers, where there are any: the
    networks of --seeds, a linear floor."""
    distil_floor: ClosedFraction = 0.0
    """Share of the soft answers that are a linear floor's, a bag of words with the image; all where
    there are no networks of --seeds. 0 for none."""
    distil_crossed: Natural = 0
    """Other images that each question is asked of, where there are teachers, who alone answer it
    there."""
    distil_held_out: Probability = 0.0
    """With --seeds, the share of the images that each of the other networks does without; what they
    answer about those is then all that is learnt from them. 0 for none."""
    region_dropout: Probability = 0.0
    """Share of the regions that each step leaves out, the same for all images of its batch."""
    clip_norm: NaturalFloat = 0
    """Largest norm of all gradients together; 0 does not clip."""
    clip_norm_per_parameter: NaturalFloat = 0
    """Largest norm of each parameter's gradient by itself; 0 does not clip."""
    patience: Natural = 5
    """Epochs without a better validation accuracy before stopping early; 0 never does."""
    average_epochs: NaturalFloat = 0.0
    """Epochs over which the weights that are judged and kept are averaged; 0 takes them as the last
    step left them."""
    keep: Literal["best", "last"] = "best"
    """Epoch whose weights are kept: the most accurate on validation, or the last, which a falling
    rate leads to; few validation questions choose by chance."""
    min_steps: Positive = 20
    """A smaller set is gone through again until an epoch has this many steps."""
    checkpoint_minutes: NaturalFloat = 5.0
    """Minutes after which an epoch's weights are written before it is done; 0 waits for its end."""
    seed: Seed = 0
    """Seed of the initial weights, the order of questions and dropout."""
    precision: PrecisionChoice = "auto"
    """Type that matrices are multiplied in: auto is bfloat16 where the processor has it; weights,
    norms, softmax and loss are in float32 always."""
    cuda_graphs: bool = True
    """Replay steps as CUDA graphs on a GPU, instead of starting each kernel anew."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""

    def __post_init__(self) -> None:
        check(self)
        if self.weight_decay and self.optimizer == "sgd":
            # PyTorch's SGD would send it through momentum, which is an L2 penalty.
            raise ConfigError(
                "weight_decay is for adam",
                where="train",
                remedy="With sgd, set l2_penalty instead.",
            )
