"""Time of one more question about an image already looked at."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from askattend import Predictor, Scene
from askattend.devices import pick_precision
from askattend.features.spec import FeatureSpec
from askattend.models.kernels.int8 import round_to_eight_bits
from askattend.runs.run_folder import Run
from benchmarks import data
from benchmarks.data import Shape
from benchmarks.measure import Row, Target, interleaved, median_seconds, row
from benchmarks.networks import Size, ours

WORDS = 8
ROUNDS = 10  # a question takes milliseconds: so many times the rounds of a training step
# Of ViLT's own preprocessing for a photograph of 4 by 3.
HEIGHT, WIDTH = 384, 512


def next_question(size: Size, *, in_eight_bits: bool = False) -> Row:
    """Measure the k-th question, by SAAA."""
    scene, question = _scene(size, in_eight_bits), _question(size.shape)
    time = median_seconds(lambda: scene.ask(question), rounds=ROUNDS * size.rounds)
    name = _named("next-question", in_eight_bits)
    return row(name, "ms", 1000 * time, target=Target("ours", "at most", 4.0))


def next_question_vilt(size: Size, *, in_eight_bits: bool = False) -> Row:
    """Measure the k-th question beside ViLT-base, which looks at the image anew for each."""
    scene, question = _scene(size, in_eight_bits), _question(size.shape)
    times = interleaved(lambda: scene.ask(question), _vilt(size), rounds=size.rounds)
    return row(
        _named("next-question-vilt", in_eight_bits),
        "ms",
        *(1000 * time for time in times),
        target=Target("ratio", "at least", 50.0),
        note=f"plain: ViLT-base, random weights, float32, {HEIGHT} × {WIDTH} px",
    )


def _named(name: str, in_eight_bits: bool) -> str:
    return f"{name}-int8" if in_eight_bits else name


def _scene(size: Size, in_eight_bits: bool) -> Scene:
    """Make an image of 14 × 14 regions that has been looked at."""
    shape = size.shape
    spec = FeatureSpec(
        backbone="random",
        fingerprint="random",
        image_size=32 * shape.side,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        rows=shape.side,
        columns=shape.side,
        region_dim=shape.region_dim,
        dtype="float16",
    )
    run = Run(Path("no-such-run"), {}, data.words(shape), data.answers(shape), None, spec)
    network = ours("saaa", shape, size.widths)
    if in_eight_bits:
        round_to_eight_bits(network)
    else:
        network = network.to(pick_precision("auto", "cpu"))
    predictor = Predictor(run, network)
    return predictor.scene(Image.new("RGB", (64, 64)), _one_image(shape))


def _one_image(shape: Shape) -> Any:
    return data.random_regions(shape)[:1]


def _question(shape: Shape) -> str:
    return data.question_text(shape, WORDS, np.random.default_rng(shape.seed))


def _vilt(size: Size) -> Any:
    from transformers import ViltConfig, ViltForQuestionAnswering

    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = ViltConfig(num_labels=3129, **(small if size.quick else {}))
    torch.manual_seed(0)
    model = ViltForQuestionAnswering(config).eval()
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(1, 3, HEIGHT, WIDTH, generator=generator)
    tokens = torch.randint(1000, 20000, (1, WORDS + 2), generator=generator)  # [CLS] … [SEP]
    ask = partial(model, input_ids=tokens, pixel_values=pixels)
    return torch.inference_mode()(lambda: ask().logits.softmax(dim=-1).topk(5))
