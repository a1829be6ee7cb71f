"""Settings of the documentation site: ``make docs`` builds it into build/site."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

project = "askattend"
author = "The askattend authors"
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "tools.command_help",
    "tools.mathml",
]
exclude_patterns = ["conf.py", "_jupyter", "**/.ipynb_checkpoints"]

html_theme = "furo"
html_title = "askattend"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sphinx = html_show_copyright = False
# Nothing is fetched from elsewhere, so that a page reads the same without a network.
html_theme_options = {"light_css_variables": {"font-stack": "system-ui, sans-serif"}}
highlight_language = "none"
# Pages have quotes as books do (myst); docstrings and help texts, with JSON in them, as they are.
smartquotes = False

# Headings have the anchors that a code host gives them, so that the same links work on both.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath", "smartquotes"]
# Equations are written as code hosts read them, $…$ and ```math, and become MathML.
myst_fence_as_directive = ["math"]
myst_dmath_allow_space = False
myst_update_mathjax = False
html_math_renderer = "mathml"
myst_links_external_new_tab = False
suppress_warnings = ["misc.highlighting_failure"]

# Every reference of ours must lead somewhere; those to types of other libraries have nowhere to
# lead to, since their inventories are on the network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]
default_role = "code"
napoleon_google_docstring = True
napoleon_use_ivar = True
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_display_short_literal_types = True
add_module_names = False

# Notebooks are kept without outputs, and run once for each state of the package: half a minute.
_code = b"".join(file.read_bytes() for file in sorted((ROOT / "src").rglob("*.py")))
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "notebooks" / hashlib.sha256(_code).hexdigest()[:12])
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
# Matplotlib says there, once on a machine, that it looks for fonts.
nb_output_stderr = "remove"
# Nor is it of interest that kernels start, and how one can be reached.
logging.getLogger("traitlets").setLevel(logging.WARNING)
os.environ["JUPYTER_PATH"] = str(ROOT / "docs" / "_jupyter")
