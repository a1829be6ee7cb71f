"""The note beside exported graphs: what they are, and ten lines that ask them."""

from __future__ import annotations

from askattend.exporting.manifest import ExportManifest
from askattend.metrics.shares import percent

_EXAMPLE = '''\
import json
import numpy as np, onnxruntime as ort
from PIL import Image

about = json.load(open("manifest.json", encoding="utf-8"))
backbone, image, question = (ort.InferenceSession(f"{{name}}.onnx") for name in ("backbone", "image", "question"))
side, words = about["preprocessing"]["image_size"], about["words"]
pixels = np.asarray(Image.open("picture.png").convert("RGB").resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0))
regions = backbone.run(None, {{"pixels": pixels.transpose(2, 0, 1)[None]}})[0]
encoded = dict(zip((o.name for o in image.get_outputs()), image.run(None, {{"regions": regions}})))  # looked at once
asked = [words["list"].index(w) if w in words["list"] else words["unknown"] for w in "{question}".split()]
feeds = {{**{{i.name: encoded[i.name] for i in question.get_inputs() if i.name in encoded}}, "tokens": np.array([asked]), "lengths": np.array([len(asked)]), "image_index": np.array([0])}}
logits, probabilities, attention = question.run(None, feeds)
print(about["answers"][probabilities[0].argmax()], probabilities[0].max(), attention.shape)
'''


def readme(manifest: ExportManifest, *, web: bool) -> str:
    """Write the note.

    Args:
        manifest: of the export.
        web: True where the page goes along.
    """
    parts = [
        f"# {manifest.run}, as graphs in ONNX",
        f"A network of askattend, {manifest.network}, that answers a question about an image with one "
        f"of {len(manifest.answers):,} answers. Made by {manifest.made}.",
        *(_page() if web else ()),
        _graphs(manifest),
        *(_accuracy(manifest)),
        *(f"Note: {remark}." for remark in manifest.remarks),
        _licence(manifest),
    ]
    return "\n\n".join(parts) + "\n"


def _page() -> tuple[str, ...]:
    return (
        "## The page",
        "`index.html` answers in the browser, and sends nothing anywhere. Browsers read no models from "
        "files: put the folder on any web server, or try it here with `python -m http.server`, and open "
        "http://localhost:8000.",
    )


def _graphs(manifest: ExportManifest) -> str:
    rows = [
        f"| `{facts.file}` | {_ports(facts.inputs)} | {_ports(facts.outputs)} |"
        for facts in manifest.graphs.values()
    ]
    table = "\n".join(("| graph | inputs | outputs |", "|---|---|---|", *rows))
    told = (
        "Look once, ask many: `image.onnx` gives all that is computed once an image, `question.onnx` "
        "takes it with any number of questions; `image_index` says which image each is about. Questions "
        "are padded at their end. Every map of attention sums to 1 over the regions, which are row by "
        "row. `manifest.json` has words, answers, preprocessing and the rest."
    )
    whole = "backbone" in manifest.graphs and manifest.preprocessing.geometry == "squash"
    if not whole or manifest.editable:
        return "\n\n".join(("## The graphs", table, told))
    question = next(iter(manifest.page["suggestions"]), "what is it?").lower().rstrip("?").strip()
    example = f"```python\n{_EXAMPLE.format(question=_plain(question))}```"
    return "\n\n".join(("## The graphs", table, told, example))


def _plain(question: str) -> str:
    return "".join(char for char in question if char.isalnum() or char == " ")


def _ports(ports: tuple[object, ...]) -> str:
    return ", ".join(
        f"`{port.name}` {port.dtype} {' × '.join(map(str, port.axes))}"  # type: ignore[attr-defined]
        for port in ports
    )


def _accuracy(manifest: ExportManifest) -> tuple[str, ...]:
    found = manifest.accuracy
    if found is None:
        return ()
    return (
        f"Weights are in 8 bits. On {found.questions:,} validation questions about {found.images:,} "
        f"images they answer {percent(found.accuracy)} right, in float32 {percent(found.float32)}; to "
        f"{percent(found.same_answer)} both give the same answer.",
    )


def _licence(manifest: ExportManifest) -> str:
    named = manifest.licence
    terms = f" {named['terms']}" if named["terms"] else ""
    lines = [f"Licence of the run: {named['run']}.{terms}"]
    if "backbone" in named:
        lines.append(f"The backbone's weights: {named['backbone']}.")
    return "## Licence\n\n" + " ".join(lines)
