"""Everything that reads what others wrote, as functions of bytes, and good inputs of each."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import logging
import shutil
import tarfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import openpyxl
import torch
from PIL import Image
from rich.console import Console
from starlette.exceptions import HTTPException
from starlette.requests import Request

from askattend.bulk.asking import read_questions
from askattend.bulk.listing import items_of_sources
from askattend.data.readers.registry import read_source
from askattend.data.word_vectors import read_word_vectors
from askattend.environment.origin import read_origin
from askattend.environment.packing import pack, run_folder
from askattend.errors import AskAttendError
from askattend.experiment.config import read_preset
from askattend.features.images import open_image
from askattend.features.store import FeatureStore
from askattend.importing.hdf5 import import_hdf5
from askattend.importing.log import read_log
from askattend.runs.linear_floors import load_linear_floors
from askattend.runs.run_folder import Run
from askattend.scoring.results import load_results
from askattend.serving.bodies import parse, read_form, read_json
from askattend.serving.images import read_picture
from askattend.serving.schemas import TraceQuestion
from askattend.training.summary import read_summary

# What a reader may raise, whatever it is given.
REFUSALS = (AskAttendError, HTTPException)
BOUNDARY = b"frontier"
_SLOW = (
    *(
        "vizwiz",
        "slake",
        "vqa-rad",
        "nlvr",
        "vqa",
        "clevr",
        "gqa",
        "gqa-all",
        "daquar",
        "coco-qa",
        "csv",
        "tsv",
        "store",
    ),
    *("xlsx", "hdf5", "preset", "run", "weights", "packed run"),
)


@dataclass(frozen=True)
class Target:
    """Something that reads bytes.

    Attributes:
        name: what it reads.
        seeds: good inputs.
        read: reads one; raises one of `REFUSALS` for a bad one.
    """

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes], object]

    @property
    def slow(self) -> bool:
        """True where an input takes a millisecond or more."""
        return self.name in _SLOW

    def try_out(self, content: bytes) -> None:
        """Read an input; what is raised beside refusals is a finding."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(*REFUSALS):
                self.read(content)


def all_targets(folder: Path, run: Path, store: Path) -> dict[str, Target]:
    """Make the targets.

    Args:
        folder: an empty one, to write inputs to.
        run: a trained run, which is left as it is.
        store: features, likewise.
    """
    made = (
        *_sources(folder),
        *_files(folder),
        *_images(),
        *_run(folder, run),
        *_store(folder, store),
    )
    return {target.name: target for target in (*made, *_bodies())}


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def _image(file_format: str, mode: str = "RGB", **more: Any) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert("L" if mode != "RGB" else mode).convert(mode).save(
        stream, file_format, **more
    )
    return stream.getvalue()


def _images() -> list[Target]:
    exif = Image.Exif()
    exif[0x0112] = 6
    seeds = (
        *(
            _image(kind)
            for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "PCX")
        ),
        *(_image(kind) for kind in ("JPEG2000", "ICO", "SGI", "AVIF")),
        *(_image("PNG", mode) for mode in ("I;16", "LA", "1", "P", "RGBA")),
        *(_image("TIFF", mode) for mode in ("F", "I;16", "CMYK")),
        _image("JPEG", progressive=True, exif=exif),
    )
    served = partial(read_picture, specs=[], max_pixels=10_000)
    return [
        Target("image", seeds, lambda content: open_image(content, name="image")),
        Target("served image", seeds, lambda content: served(content)),
    ]


def _written(file: Path, read: Callable[[], object], content: bytes) -> object:
    file.write_bytes(content)
    return read()


def _of_file(name: str, file: Path, read: Callable[[Path], object], *seeds: bytes) -> Target:
    """Make a target that reads a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(seeds[0])
    return Target(name, seeds, partial(_written, file, partial(read, file)))


def _of_files(
    name: str, folder: Path, files: Mapping[str, bytes], load: Callable[[str], object]
) -> Target:
    """Make a target of a folder: an input's first byte chooses the file that the rest becomes.

    Args:
        name: the target's.
        folder: where the files are.
        files: their good contents.
        load: reads the folder, given the name of the file that was changed.
    """
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    names = list(files)

    def read(content: bytes) -> None:
        chosen = names[content[0] % len(names)] if content else names[0]
        try:
            (folder / chosen).write_bytes(content[1:])
            load(chosen)
        finally:
            (folder / chosen).write_bytes(files[chosen])

    return Target(name, tuple(bytes([n]) + files[file] for n, file in enumerate(names)), read)


def _files_a_split(folder: Path) -> Iterable[Target]:
    """Yield the sets whose splits are files called by the split's name."""
    vizwiz = {
        **{"image": "VizWiz_train_00000000.jpg", "question": "What?", "answer_type": "other"},
        **{"answers": [{"answer": "basil", "answer_confidence": "yes"}], "answerable": 1},
    }
    slake = {
        **{"img_id": 1, "img_name": "xmlab1/source.jpg", "question": "What?", "answer": "MRI"},
        **{"q_lang": "en", "answer_type": "OPEN", "content_type": "Modality", "qid": 0},
    }
    rad = {
        **{"qid": "0", "phrase_type": "test_para", "qid_linked_id": "03f4", "answer": "Yes"},
        **{"image_name": "synpic1.jpg", "question": "Is it?", "question_type": "PRES"},
    }
    nlvr = {"sentence": "There is a box.", "identifier": "1-0", "label": "true"}
    yield _of_folder("vizwiz", folder / "vizwiz", {"train.json": _text([vizwiz])})
    yield _of_folder("slake", folder / "slake", {"train.json": _text([slake])})
    yield _of_folder("vqa-rad", folder / "vqa-rad", {"VQA_RAD Dataset Public.json": _text([rad])})
    yield _of_folder("nlvr", folder / "nlvr", {"train.json": _text(nlvr)})


def _of_folder(source: str, folder: Path, files: Mapping[str, bytes]) -> Target:
    """Make a target of a source of questions that is a folder."""
    return _of_files(
        source, folder, files, lambda _: read_source(f"{source}:{folder}", images=False)
    )


def _sources(folder: Path) -> Iterable[Target]:
    asked = {"question_id": 1, "image_id": 7, "question": "what is it?"}
    given = {
        **{"question_id": 1, "image_id": 7, "question_type": "what", "answer_type": "other"},
        **{"multiple_choice_answer": "a", "answers": [{"answer": "a", "answer_id": 1}]},
    }
    vqa = {
        "v2_OpenEnded_mscoco_train2014_questions.json": _text(
            {"data_subtype": "train2014", "questions": [asked, asked | {"question_id": 2}]}
        ),
        "v2_mscoco_train2014_annotations.json": _text(
            {"annotations": [given, given | {"question_id": 2}]}
        ),
    }
    yield _of_folder("vqa", folder / "vqa", vqa)
    clevr = {
        **{"question_index": 0, "image_index": 0, "image_filename": "CLEVR_train_000000.png"},
        **{"split": "train", "question": "How big?", "answer": "large", "question_family_index": 3},
        "program": [{"inputs": [], "function": "query_size", "value_inputs": []}],
    }
    name = "questions/CLEVR_train_questions.json"
    yield _of_folder("clevr", folder / "clevr", {name: _text({"questions": [clevr]})})
    gqa = {
        **{"question": "Are there cups?", "imageId": "n1", "isBalanced": True, "answer": "yes"},
        **{"annotations": {"answer": {}, "question": {"2": "2"}, "fullAnswer": {}}},
        **{"types": {"structural": "verify", "semantic": "rel"}, "equivalent": ["01"]},
    }
    thing = {"name": "cup", "x": 5, "y": 2, "w": 10, "h": 5}
    graph = {"width": 20, "height": 10, "objects": {"2": thing}}
    files = {
        "train_balanced_questions.json": _text({"01": gqa}),
        "train_sceneGraphs.json": _text({"n1": graph}),
    }
    yield _of_folder("gqa", folder / "gqa", files)
    yield _of_folder(
        "gqa-all", folder / "gqa-all", {"train_all_questions.json": _text({"01": gqa})}
    )
    yield from _files_a_split(folder)
    lines = b"how many ?\n12\nimage3\nwhat ?\nsofa, lamp\nimage7\n"
    yield _of_folder("daquar", folder / "daquar", {"qa.894.raw.train.format_triple": lines})
    rows = {"questions": b"what ?\nhow many ?\n", "answers": b"cake\ntwo\n"}
    rows |= {"types": b"0\n1\n", "img_ids": b"57870\n9\n"}
    both = {f"{s}/{n}.txt": content for s in ("train", "test") for n, content in rows.items()}
    yield _of_folder("coco-qa", folder / "coco-qa", both)
    yield Target(
        "scenes",
        (b"images=3,seed=0,size=64", b"objects=4,clutter=0.5", b""),
        lambda recipe: _recipe(recipe.decode("utf-8", "surrogateescape")),
    )


def _recipe(recipe: str) -> None:
    """Read a recipe's keys, but make no pictures."""
    from askattend.data.readers.registry import absolute_source

    absolute_source(f"scenes:{recipe}")


def _files(folder: Path) -> Iterable[Target]:
    (folder / "a.png").write_bytes(_image("PNG"))

    def table(file: Path) -> object:
        return read_source(f"table:{file}", images=False)

    csv = (
        b"image,question,answer,split,id\na.png,what is it?,red|blue,train,1\na.png,is it?,yes,,x\n"
    )
    row = {"image": "a.png", "question": "what?", "answers": {"red": 2, "blue": 1}, "id": 3}
    yield _of_file("csv", folder / "t.csv", table, csv, csv.replace(b",", b";"), gzip.compress(csv))
    yield _of_file(
        "tsv", folder / "t.tsv", table, csv.replace(b",", b"\t"), csv.decode().encode("utf-16")
    )
    yield _of_file("jsonl", folder / "t.jsonl", table, _text(row) + b"\n" + _text(row | {"id": 4}))
    yield _of_file("json", folder / "t.json", table, _text([row]), _text({"questions": [row]}))
    stream, book = io.BytesIO(), openpyxl.Workbook()
    assert book.active is not None
    for line in (
        ["image", "question", "answer"],
        ["a.png", "is it?", "yes"],
        ["a.png", "what?", 3],
    ):
        book.active.append(line)
    book.save(stream)
    yield _of_file("xlsx", folder / "t.xlsx", table, stream.getvalue())
    yield _of_file("questions", folder / "q.txt", read_questions, b"is it red?\nwhat is it?\n")
    result = {"question_id": 1, "answer": "red", "probability": 0.5, "wups": {"0.9": 1.0}}
    yield _of_file("results", folder / "r.json", load_results, _text([result]))
    vectors = b"red 0.1 0.2 0.3\nblue 1 2 3\n"
    yield _of_file(
        "word vectors",
        folder / "v.txt",
        lambda file: read_word_vectors(str(file), ["red", "blue"]),
        *(vectors, b"2 3\n" + vectors, gzip.compress(vectors)),
    )
    yield _of_file("images.tar", folder / "i.tar", _list_tar, *_tars())
    yield _of_file("log", folder / "l.pth", read_log, *_logs())
    yield _of_file("hdf5", folder / "f.h5", _import, *_hdf5(folder))
    yield _of_file(
        "preset",
        folder / "p.toml",
        lambda file: read_preset(str(file), "saaa"),
        b"[model]\nglimpses = 2\n[train]\nepochs = 3\nlearning_rate = 1e-3\n"
        b'[vocab]\nvectors = "none"\n',
    )


def _list_tar(file: Path) -> object:
    return list(items_of_sources([str(file)], None))


def _tars() -> Iterable[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as opened:
        for name, part in (("a.png", _image("PNG")), ("a.json", b'{"questions": ["is it?"]}')):
            member = tarfile.TarInfo(name)
            member.size = len(part)
            opened.addfile(member, io.BytesIO(part))
    return stream.getvalue(), gzip.compress(stream.getvalue())


def _logs() -> Iterable[bytes]:
    stream = io.BytesIO()
    log = {
        "weights": {"module.w": torch.zeros(2, 2)},
        "vocab": {"question": {"a": 1}},
        "config": {},
    }
    torch.save(log, stream)
    return (stream.getvalue(),)


def _import(file: Path) -> None:
    out = file.with_name("imported")
    try:
        import_hdf5(file, out, console=Console(quiet=True))
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _hdf5(folder: Path) -> Iterable[bytes]:
    file = folder / "seed.h5"
    with h5py.File(file, "w") as opened:
        opened["features"] = np.ones((2, 3, 1, 2), np.float16)
        opened["ids"] = np.arange(2)
    return (file.read_bytes(),)


def _contents(folder: Path) -> dict[str, bytes]:
    """Read what a reader reads, but for a manifest, which would notice any change at once."""
    kinds, by_manifest = (".json", ".toml", ".safetensors"), ("manifest.json", ".")
    return {
        file.name: file.read_bytes()
        for file in sorted(folder.iterdir())
        if file.suffix in kinds and not file.name.startswith(by_manifest)
    }


def _run(folder: Path, run: Path) -> Iterable[Target]:
    here, files = folder / "run", _contents(run)
    weights = ("best.safetensors", "last.safetensors")
    files.pop("soft_answers.safetensors", None)
    yield _of_files("run", here, {n: c for n, c in files.items() if n not in weights}, _load(here))
    # Once loaded: weights are read by it, however they are changed.
    (weighed := folder / "weights").mkdir()
    for name, content in files.items():
        (weighed / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its having no manifest
        loaded = Run.load(weighed)
    model = loaded.new_model()

    def read(changed: str) -> None:
        if changed == weights[0]:
            loaded.load_model("best")
        else:
            loaded.load_progress(model)

    yield _of_files("weights", weighed, {name: files[name] for name in weights}, read)
    packed = folder / "run.zip"
    pack(run, packed)

    def unpack(file: Path) -> None:
        unpacked = run_folder(file)
        if unpacked != file:
            shutil.rmtree(unpacked.parent, ignore_errors=True)

    yield _of_file("packed run", folder / "p.zip", unpack, packed.read_bytes())


def _load(folder: Path) -> Callable[[str], None]:
    def load(changed: str) -> None:
        Run.load(folder).load_calibration()
        read_origin(folder), read_summary(folder), load_linear_floors(folder)

    return load


def _store(folder: Path, store: Path) -> Iterable[Target]:
    here = folder / "store"

    def load(_: str) -> None:
        opened = FeatureStore.open(here)
        opened.read(opened.ids[:2])

    yield _of_files("store", here, _contents(store), load)


def _bodies() -> Iterable[Target]:
    image = "iVBORw0KGgo="
    bodies = (
        _text({"image": image, "question": "is it?", "top": 3}),
        _text({"image": image, "questions": ["a", "b"], "edited_attention": [[[0.5, 0.5]], None]}),
    )
    yield Target("body of a question", bodies, read_json)
    yield Target("body of a trace", (_text({"question": "is it?"}),), partial(parse, TraceQuestion))
    parts = b"".join(
        b"--%s\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n" % (BOUNDARY, name, content)
        for name, content in (
            (b'"image"; filename="a.png"', b"pixels"),
            *((b'"question"', b"is it?"), (b'"options"', b'{"top": 3}')),
        )
    )
    yield Target("form", (parts + b"--" + BOUNDARY + b"--\r\n",), _form)


def _form(body: bytes) -> None:
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # as the service has it

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    kind = b"multipart/form-data; boundary=" + BOUNDARY
    # Within an app: what is malformed is answered with 400.
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind)], "app": None}
    asyncio.run(read_form(Request(scope, receive), 8))
