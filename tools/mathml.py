"""Equations of the documentation site as MathML, made while it is built.

A Sphinx extension: no script and no font is fetched, and every browser of today lays MathML out.
What docutils' own converter does not know is a warning, which the build makes an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
# docutils would put the index of a letter with an accent below it, as that of a sum: \tilde v_I.
# An empty base of its own carries it instead, at the same place.
ACCENTED = re.compile(r"(\\(?:bar|hat|tilde)\s*(?:\{\w\}|\w))(?=[_^])")
# Between a function's name and what is no bracket there is a little room, as in LaTeX.
APPLIED = re.compile(r"(&ApplyFunction;</mo>)(?!\s*<mo[^>]*>[(\[])")
ROOM = r'\1<mspace width="0.1667em"></mspace>'


def mathml(tex: str, *, block: bool = False) -> str:
    """Return an equation as MathML.

    Args:
        tex: LaTeX's mathematics, without dollars.
        block: True for one that stands on lines of its own.

    Raises:
        MathError: a command or character is not known.
    """
    made: str = tex2mathml(ACCENTED.sub(r"\1{}", tex), as_block=block)
    return APPLIED.sub(ROOM, made)


def _written(page: HTML5Translator, node: nodes.Element, *, block: bool) -> str:
    try:
        return mathml(node.astext(), block=block)
    except MathError as error:
        LOGGER.warning("%s in the equation %s", error, node.astext(), location=node)
        return str(page.encode(node.astext()))


def _inline(page: HTML5Translator, node: nodes.math) -> None:
    page.body.append(_written(page, node, block=False))
    raise nodes.SkipNode


def _block(page: HTML5Translator, node: nodes.math_block) -> None:
    page.body.append(page.starttag(node, "div", "", CLASS="equation"))
    page.body.append(f"{_written(page, node, block=True)}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
