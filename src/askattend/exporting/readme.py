"""The note beside exported graphs: what they are, and how they are asked in Python."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jinja2 import Environment, PackageLoader, StrictUndefined

from askattend.exporting.manifest import ExportManifest, PortFacts
from askattend.features.spec import NONE
from askattend.metrics.shares import percent


def readme(manifest: ExportManifest, *, web: bool) -> str:
    """Write the note.

    Args:
        manifest: of the export.
        web: True where the page goes along.
    """
    environment = Environment(
        loader=PackageLoader("askattend.exporting"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"ports": _ports, "percent": percent}
    question = next(iter(manifest.page["suggestions"]), "what is it")
    return environment.get_template("readme.md").render(
        m=manifest,
        web=web,
        # One line of Pillow is enough for a picture that is squeezed into the square.
        pixels="backbone" in manifest.graphs and manifest.preprocessing.geometry == "squash",
        blind=manifest.preprocessing.backbone == NONE,
        question=" ".join(re.findall(r"\w+", question.lower())),
    )


def _ports(ports: Iterable[PortFacts]) -> str:
    return ", ".join(
        f"`{port.name}` {port.dtype} {' × '.join(map(str, port.axes))}" for port in ports
    )
