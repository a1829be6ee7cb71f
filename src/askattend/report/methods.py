"""The page of several runs compared."""

from __future__ import annotations

from pathlib import Path

from askattend.environment.home import shortened
from askattend.environment.provenance import Provenance
from askattend.files import make_folder, write_whole
from askattend.report.page import environment
from askattend.scoring.several import Methods


def write_methods(found: Methods, file: Path) -> None:
    """Write several runs' comparison as a page that loads nothing.

    Raises:
        OSError: it cannot be written.
    """
    page = (
        environment()
        .get_template("methods.html")
        .render(title=f"{len(found.methods)} methods compared", found=found, made=Provenance.now())
    )
    make_folder(file.parent)
    # A lone surrogate, which a path may hold, has no place in UTF-8.
    write_whole(file, str(shortened(page)).encode("utf-8", errors="replace"))
