"""The three graphs of a run, as modules with named inputs and outputs.

Pixels become regions (`BackboneGraph`), regions what is computed once an image (`ImageGraph`), and
that with questions answers (`QuestionGraph`): look once, ask many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from askattend.exporting.steps import with_ranges
from askattend.features.levels import blank_out
from askattend.features.spec import FeatureSpec, per_channel
from askattend.features.storage import dequantise, quantise
from askattend.metrics.calibration import Calibration
from askattend.metrics.image_likeness import ImageLikeness
from askattend.models import ImageEncoding, Network
from askattend.models.edited_attention import EditedAttention

# Axes whose lengths are free, by the names that a graph gives them.
FREE = ("images", "regions", "questions", "words")


@dataclass(frozen=True)
class Port:
    """An input or output of a graph.

    Attributes:
        name: in the graph.
        axes: the length of each axis, or its name where it is free.
        dtype: of its numbers.
    """

    name: str
    axes: tuple[int | str, ...]
    dtype: torch.dtype = torch.float32

    def example(self, lengths: Mapping[str, int]) -> Tensor:
        """Make a tensor of ones with these lengths of the free axes."""
        shape = [lengths[axis] if isinstance(axis, str) else axis for axis in self.axes]
        return torch.ones(shape, dtype=self.dtype)


class Graph(nn.Module, ABC):
    """A part of a run that becomes a file.

    Attributes:
        name: of the file, without its suffix.
        made_of: the name of the network or backbone.
        inputs: in the order of `forward`.
        outputs: in the order of its result.
    """

    name: str
    made_of: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @abstractmethod
    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs."""


class BackboneGraph(Graph):
    """Pixels to the regions that a store of the spec gives back, places appended where it has them.

    Args:
        network: normalised pixels → maps, operation by operation.
        spec: what it makes.
    """

    name = "backbone"
    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, spec: FeatureSpec) -> None:
        super().__init__()
        self.network, self.spec, self.made_of = network, spec, spec.backbone
        self.register_buffer("mean", per_channel(spec.mean))
        self.register_buffer("std", per_channel(spec.std))
        side = spec.image_size
        pixels = Port("pixels", ("images", 3, side, side), torch.uint8)
        shown = Port("shown", ("images", spec.regions), torch.bool)
        self.inputs = (pixels, shown) if spec.geometry == "pad" else (pixels,)
        self.outputs = (Port("regions", ("images", spec.regions, spec.input_dim)),)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Normalise, compute, and round as a store of the spec holds its features."""
        pixels, *shown = tensors
        levels = self.network((pixels.float() / 255 - self.mean) / self.std)
        levels = (levels,) if isinstance(levels, Tensor) else levels
        if shown:
            levels = tuple(blank_out(levels, shown[0]))
        return (self.spec.assemble([self._as_stored(level) for level in levels]).float(),)

    def _as_stored(self, level: Float[Tensor, "images _ _"]) -> Float[Tensor, "images _ _"]:
        if self.spec.dtype == "float32":
            return level
        if self.spec.dtype == "int8":
            codes, ranges = quantise(level)
            level = dequantise(codes, ranges)
        return level.half()


class ImageGraph(Graph):
    """Regions to all that is computed once an image, and if it is unlike those of training.

    Args:
        network: the run's.
        spec: of the features.
        likeness: tells pictures that are unlike; None where the run has none, nor the graph such
            an output.
        ranges: True to tell the range of each step's numbers, see `with_ranges`.
    """

    name = "image"

    def __init__(
        self,
        network: Network,
        spec: FeatureSpec,
        likeness: ImageLikeness | None,
        *,
        ranges: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.likeness, self.region_dim = network, likeness, spec.region_dim
        self.made_of, self.ranges = network.name, ranges
        self.inputs = (Port("regions", ("images", "regions", spec.input_dim)),)
        unlike = (Port("unlike", ("images",), torch.bool),) if likeness is not None else ()
        self.outputs = (*encoding_ports(network, spec), *unlike, *_ranges_port(self, spec))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Encode the image."""
        (regions,) = tensors
        return with_ranges(lambda: self._encode(regions)) if self.ranges else self._encode(regions)

    def _encode(self, regions: Float[Tensor, "images regions dim"]) -> tuple[Tensor, ...]:
        encoding = self.network.encode_image(regions)
        blank = () if encoding.blank is None else (encoding.blank,)
        unlike = () if self.likeness is None else (self._unlike(self.likeness, regions),)
        return (encoding.regions, *encoding.projected, *blank, *unlike)

    def _unlike(
        self, likeness: ImageLikeness, regions: Float[Tensor, "images regions dim"]
    ) -> Bool[Tensor, " images"]:
        """Tell which images are unlike; see `ImageLikeness.distance`."""
        means = regions[..., : self.region_dim].mean(dim=1)
        mean, matrix, scale = (
            torch.from_numpy(array) for array in (likeness.mean, likeness.matrix, likeness.scale)
        )
        standard = (means - mean) / scale
        inside = standard @ matrix
        lengths = 1 / matrix.square().sum(dim=0).clamp(min=1e-12)
        left = standard.square().sum(dim=1) - (inside.square() * lengths).sum(dim=1)
        squared = inside.square().sum(dim=1) + left.clamp(min=0) / likeness.rest
        return ~(squared.sqrt() <= likeness.threshold)


class QuestionGraph(Graph):
    """Encoded images and questions to logits, probabilities and every map of attention.

    Args:
        network: the run's.
        spec: of the features.
        calibration: by which probabilities are tempered; None for a temperature of 1.
        unknown: the index of an unknown word.
        editable: True for inputs that put edited maps in the place of the network's.
        ranges: True to tell the range of each step's numbers, see `with_ranges`.
    """

    name = "question"

    def __init__(
        self,
        network: Network,
        spec: FeatureSpec,
        calibration: Calibration | None,
        unknown: int,
        *,
        editable: bool = False,
        ranges: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.calibration, self.unknown = network, calibration, unknown
        self.made_of, self.ranges = network.name, ranges
        self.encoding, (answers, maps) = encoding_ports(network, spec), _sizes(network, spec)
        long = torch.int64
        asked = (
            Port("tokens", ("questions", "words"), long),
            Port("lengths", ("questions",), long),
            Port("image_index", ("questions",), long),
        )
        edits = (Port("edited_maps", (maps, "regions")), Port("edited", (maps,), torch.bool))
        self.inputs = (*self.encoding, *asked, *(edits if editable else ()))
        self.outputs = (
            Port("logits", ("questions", answers)),
            Port("probabilities", ("questions", answers)),
            Port("attention", ("questions", maps, "regions")),
            *_ranges_port(self, spec),
        )

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Encode the questions and answer them."""
        return (
            with_ranges(lambda: self._answer(*tensors)) if self.ranges else self._answer(*tensors)
        )

    def _answer(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        end = len(self.encoding)
        named = dict(zip((port.name for port in self.encoding), tensors[:end], strict=True))
        tokens, lengths, image_index, *edits = tensors[end:]
        projected = tuple(named[name] for name in named if name.startswith("projected"))
        image = ImageEncoding(named["encoded"], projected, named.get("blank"))
        question = self.network.encode_question(tokens, lengths)
        edited = _GivenMaps(*edits) if edits else None
        output = self.network.answer(image, question, image_index, edited)
        logits = output.logits.float()
        probabilities = (logits / self._temperatures(tokens, lengths)).softmax(dim=-1)
        return logits, probabilities, output.attention.float()

    def _temperatures(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return each question's temperature: the higher, the more of its words are unknown."""
        if self.calibration is None:
            return torch.ones(1, 1)
        real = torch.arange(tokens.shape[1]) < lengths[:, None]
        unknown = ((tokens == self.unknown) & real).sum(dim=1) / lengths
        rises = 1 + self.calibration.unknown_slope * unknown
        return (self.calibration.temperature * rises)[:, None].float()


class _GivenMaps(EditedAttention):
    """Edited maps that a graph is given with each question, some of which count."""

    def __init__(self, maps: Float[Tensor, "maps regions"], chosen: Bool[Tensor, " maps"]) -> None:
        super().__init__(maps=())
        object.__setattr__(self, "given", maps)
        object.__setattr__(self, "chosen", chosen)

    def replace(
        self, attention: Float[Tensor, "questions maps regions"], *, first: int, of: int
    ) -> Float[Tensor, "questions maps regions"]:
        """Put the chosen ones in the place of the network's; how many there are is fixed."""
        given, chosen = vars(self)["given"], vars(self)["chosen"]
        own = slice(first, first + attention.shape[1])
        return torch.where(chosen[own][None, :, None], given[own][None], attention)


def encoding_ports(network: Network, spec: FeatureSpec) -> tuple[Port, ...]:
    """Name what is computed once an image, by an empty image's."""
    with torch.no_grad():
        found = network.encode_image(torch.zeros(1, spec.regions, spec.input_dim))
    rows: Sequence[str] = ("images", "regions")
    projected = (
        Port(f"projected_{number}", (*rows, part.shape[-1]))
        for number, part in enumerate(found.projected, 1)
    )
    blank = () if found.blank is None else (Port("blank", tuple(rows), torch.bool),)
    return (Port("encoded", (*rows, found.regions.shape[-1])), *projected, *blank)


def _ranges_port(graph: ImageGraph | QuestionGraph, spec: FeatureSpec) -> tuple[Port, ...]:
    """Name the ranges of a graph's steps, where it tells them; how many, an example tells."""
    if not graph.ranges:
        return ()
    lengths = {"images": 2, "regions": spec.regions, "questions": 1, "words": 1}
    with torch.no_grad():
        *_, found = graph(*(port.example(lengths) for port in graph.inputs))
    return (Port("ranges", tuple(found.shape)),)


def _sizes(network: Network, spec: FeatureSpec) -> tuple[int, int]:
    """Return how many answers a network has, and how many maps."""
    one = torch.ones(1, dtype=torch.long)
    with torch.no_grad():
        output = network(torch.zeros(1, spec.regions, spec.input_dim), one[None], one)
    return output.logits.shape[1], output.attention.shape[1]
