"""Look at an image once, then ask it any number of questions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from askattend.devices import AnsweringPrecision
from askattend.environment.hub import PREFIX, fetch, is_named
from askattend.environment.packing import push_run, write_portable
from askattend.environment.verbosity import print_details
from askattend.errors import FeatureError, RunError
from askattend.features.backbones import backbone_of
from askattend.features.geometry import Crop, crop_of, regions_of
from askattend.features.images import Source, open_image
from askattend.features.spec import NONE, Backbone
from askattend.features.store import FeatureStore
from askattend.models import Network
from askattend.runs.agreement import agree
from askattend.runs.answer import Answer as Answer
from askattend.runs.answerer import Answerer
from askattend.runs.answering import load_to_answer
from askattend.runs.asking import answers_to_list, several_questions
from askattend.runs.pairs import answer_pairs
from askattend.runs.run_folder import Run
from askattend.runs.scene import Scene as Scene


class Predictor(Answerer):
    """A trained network with its vocabularies and backbone.

    Args:
        run: the run folder's settings and vocabularies.
        model: the network with trained weights.
        backbone: its backbone, or the name of it, where the run does not know it or knows it by
            another.
    """

    def __init__(self, run: Run, model: Network, *, backbone: str | Backbone | None = None) -> None:
        super().__init__(run, model)
        self._backbone = backbone

    @property
    def renamed(self) -> bool:
        """True where the backbone was named by who loaded the run."""
        return self._backbone is not None

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str = "auto",
        precision: AnsweringPrecision | None = None,
        backbone: str | Backbone | None = None,
        attention: str | Callable[..., nn.Module] | None = None,
    ) -> Predictor:
        """Read a run folder.

        Args:
            folder: the run folder.
            device: where to compute.
            precision: type of weights and products; by default the run's, which is ``"auto"``
                (bfloat16 where the processor has it) unless it was trained otherwise. ``"int8"`` is
                for questions asked one by one of a network of the papers' size, on a processor
                (which ``device="auto"`` then is); see `round_to_eight_bits`.
            backbone: its name, where the run does not know it: ``"hf:microsoft/resnet-152"``; or
                the backbone itself, such as a module of one's own as `own_backbone` makes it.
            attention: the code that the run brings, as its class or ``"FILE.py:NAME"``; naming it
                agrees to run it. What was trained here needs none.

        Raises:
            UntrustedCodeError: the run brings code that nobody here has agreed to run.
            RunError: a file of the run is missing or does not fit.
            ConfigError: there is no such device or precision, or 8 bits are asked for on a GPU.
        """
        if not isinstance(folder, str | Path):
            problem = f"{type(folder).__name__}, where a run folder's path was expected"
            raise RunError(problem, where="folder", remedy="Name the folder that training wrote.")
        if attention is not None:
            agree(folder, attention)
        run = Run.load(folder)
        model = load_to_answer(run, device=device, precision=precision)
        weight = next(model.parameters())
        kind = str(weight.dtype).removeprefix("torch.")
        print_details(f"run {run.folder}: {model.name}, {kind} on {weight.device}")
        return cls(run, model, backbone=backbone)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        token: str | None = None,
        **options: Any,
    ) -> Predictor:
        """Read a run of the model hub, which is asked once; or whatever `load` reads.

        Args:
            name: ``"user/name"``, also as ``"hf:user/name@revision"``; ``"demo"``, the small run
                that comes with the package; or a run folder or packed run, which goes first.
            revision: of the hub's: branch, tag or commit.
            token: the hub's, for private runs; by default that of ``hf auth login``.
            options: as for `load`.

        Raises:
            RunError: there is no such run, the hub could not be reached, or as for `load`.
        """
        path, text = Path(name), str(name).removeprefix(PREFIX)
        if path.exists() or (revision is None and token is None and is_named(path)):
            return cls.load(path, **options)
        if not re.fullmatch(r"[\w.-]+/[\w.-]+(@.+)?", text):
            remedy = "Name a run folder, a packed run, or user/name on the model hub."
            raise RunError("no such run", where=name, remedy=remedy)
        return cls.load(fetch(text, revision=revision, token=token), **options)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write into a folder what answers, with the model card: no optimizer, log or picture.

        Raises:
            RunError: the folder is there and not empty, or a file of the run was changed.
        """
        write_portable(self.run.folder, Path(folder))

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool = False,
        token: str | None = None,
        message: str | None = None,
    ) -> str:
        """Write what `save_pretrained` writes to a repository of the model hub.

        Args:
            repository: ``"user/name"``; made if need be.
            private: who may see a repository that is made: its members alone.
            token: the hub's; by default that of ``hf auth login``.
            message: of the commit.

        Returns:
            the address of its page.

        Raises:
            RunError: huggingface-hub is not installed, or the hub refuses or cannot be reached.
        """
        return push_run(self.run.folder, repository, private=private, token=token, message=message)

    @cached_property
    def backbone(self) -> Backbone:
        """The frozen network that made the run's features; loaded when first needed.

        Raises:
            FeatureError: it is not to be had here, its weights are not those of the run, or the
                run is an imported one that does not know its backbone and none was named.
        """
        where = f"run {self.run.folder}"
        spec, own = self.run.features, self._backbone
        if isinstance(own, Backbone):
            spec.require(own.spec, where=where)
            read = replace(own.spec, coordinates=spec.coordinates)
            return Backbone(spec=read, network=own.network).to(self._device)
        return backbone_of(spec, name=own, where=where).to(self._device)

    @torch.inference_mode()
    def look(self, image: Source) -> Scene:
        """Extract and project an image's regions.

        Args:
            image: a path, a file's bytes, a PIL image, or an array (height × width × channels).

        Raises:
            ImageError: the image is missing, truncated or not an image.
            FeatureError: the run's backbone is not to be had.
        """
        opened = open_image(image)
        return self.scene(opened, self.regions(opened))

    @torch.inference_mode()
    def regions(self, image: Image.Image) -> Float[Tensor, "1 regions region_dim"]:
        """Extract an image's regions, which serve every run with the same ``run.features``.

        Args:
            image: as `askattend.features.images.open_image` gives it: upright, RGB.

        Raises:
            FeatureError: the run's backbone is not to be had.
        """
        return regions_of(image, self.backbone)

    def scene(self, image: Image.Image, regions: Float[Tensor, "1 regions region_dim"]) -> Scene:
        """Return an image whose regions are known as one that has been looked at.

        Args:
            image: the picture itself.
            regions: what `regions` gave, of this predictor or of one with the same features.
        """
        spec = self.run.features
        # An imported run may not know the side of its square, which its backbone then tells.
        seen = crop_of(image.size, spec if spec.image_size else self.backbone.spec)
        return Scene(image, seen, self.look_at(regions), self)

    def ask_stored(
        self,
        store: FeatureStore | str | Path,
        image_id: str,
        questions: Iterable[str],
        *,
        top: int = 5,
    ) -> list[Answer]:
        """Answer questions about an image of a feature store, or of its folder, without a picture.

        Raises:
            FeatureError: the store's features do not go with the run's, or it lacks the image; or
                the network does not use the image.
            DataError: the questions are no list of texts, or one has no word in it.
        """
        listed, top = several_questions(questions), answers_to_list(top)
        self.need_words(listed)
        regions, seen = self.stored_regions(store, image_id)
        answers = self.answer(self.look_at(regions), [0] * len(listed), listed, top=top)
        return [replace(answer, seen=seen, maps_name=self.maps_name) for answer in answers]

    def stored_regions(
        self, store: FeatureStore | str | Path, image_id: str
    ) -> tuple[Float[Tensor, "1 regions region_dim"], Crop | None]:
        """Read an image's regions from a feature store, or its folder.

        Returns:
            the regions; and the part of the image that maps lie over, None where the store does
            not tell the image's shape.

        Raises:
            FeatureError: as `ask_stored`.
        """
        if self.run.features.backbone == NONE:
            raise FeatureError(
                "its network does not use the image, and has no features",
                where=f"run {self.run.folder}",
                remedy="Leave out --features, and name any picture.",
            )
        store = store if isinstance(store, FeatureStore) else FeatureStore.open(Path(store))
        self.run.features.require(store.spec, where=store.path)
        if self.run.features.coordinates:
            store = store.with_coordinates()
        return store.read([image_id]), store.crop(image_id)

    def answer_many(
        self, pairs: Iterable[tuple[Source, str]], *, top: int = 5, batch_size: int = 8
    ) -> Iterator[Answer]:
        """Answer questions about any number of images, one after the other, as they are taken.

        Images are looked at `batch_size` together, and once for questions that follow each other.
        No more than that many are in memory, and ``answer.image`` is None.

        Args:
            pairs: image, as `look` takes it, and question; a generator, maybe.
            top: how many answers to list.
            batch_size: images that the backbone looks at together.

        Yields:
            an answer a pair, in their order.

        Raises:
            ImageError: an image is missing, truncated or not an image; answers before it are
                yielded.
            DataError: a question is not one, or has no word in it.
            FeatureError: the run's backbone is not to be had.
        """
        top = answers_to_list(top)
        return answer_pairs(self, lambda: self.backbone, pairs, top=top, batch_size=batch_size)
