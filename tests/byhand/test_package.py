"""The package works, and its example trains, where there is nothing but NumPy."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from askattend import byhand

MODULES = sorted(Path(inspect.getfile(byhand)).parent.glob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_only_numpy_and_the_standard_library_are_imported(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.module
            assert node.level == 0
            modules = [node.module]
        for module in modules:
            ours = module == "askattend.errors" or module.startswith("askattend.byhand.")
            assert ours or module.split(".")[0] in {"numpy", *sys.stdlib_module_names}, module


def test_the_example_trains_where_there_is_no_pytorch() -> None:
    document = inspect.getdoc(byhand)
    assert document
    _, _, rest = document.partition("without PyTorch at all::\n")
    example = textwrap.dedent(rest.partition("**Dropout**")[0])
    code = "import sys; sys.modules['torch'] = None\n" + example
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = re.fullmatch(r"loss (\S+); attention \(6, 2, 9\)\n", done.stdout)
    assert found
    assert float(found[1]) < 0.1  # from log 4, which is guessing
