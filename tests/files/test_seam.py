"""Nothing of the package writes to a disk but by the functions of `askattend.files`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import askattend

PACKAGE = Path(askattend.__file__).parent
# Methods and functions that change a disk, whatever they are called on.
METHODS = {
    *("write_text", "write_bytes", "unlink", "rmdir", "mkdir", "makedirs", "rename", "renames"),
    *("touch", "symlink_to", "hardlink_to", "rmtree", "copyfile", "copytree", "copy2", "move"),
    *("save_file", "save_model", "serialize_file", "tofile", "savetxt", "savez", "memmap"),
    *("to_csv", "to_parquet", "to_pickle", "to_excel", "mkdtemp", "mkstemp"),
    *("NamedTemporaryFile", "TemporaryDirectory", "SummaryWriter", "fsync", "ftruncate"),
}
MODULES = {"os": {"replace", "remove", "truncate", "write", "link", "symlink", "chmod", "utime"}}
# A cluster's tokens, which are no files of the user's; and a message to the terminal.
EXCEPT = {("cluster", "admission.py"), ("cluster", "worker.py"), ("cli", "signals.py")}


def writes(source: str) -> Iterator[str]:
    """List the calls in a module that write."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called, of = node.func, ""
        if isinstance(called, ast.Attribute):
            name = called.attr
            of = called.value.id if isinstance(called.value, ast.Name) else ""
        else:
            name = called.id if isinstance(called, ast.Name) else ""
        if name in METHODS or name in MODULES.get(of, ()):
            yield ast.unparse(node)
        # The mode of a file that is opened.
        given = [*node.args, *(each.value for each in node.keywords)]
        modes = [each.value for each in given if isinstance(each, ast.Constant)]
        mode = next(
            (m for m in modes if isinstance(m, str) and m and set(m) <= set("rwxabt+")), "r"
        )
        if name in ("open", "fdopen") and set(mode) & set("wxa+"):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "line",
    [
        *('open("f", "w")', 'file.open("ab")', 'open(f, mode="r+")', "os.replace(a, b)"),
        *("file.unlink()", "shutil.rmtree(f)", "save_file(tensors, file)", "SummaryWriter(f)"),
    ],
)
def test_writing_is_seen(line: str) -> None:
    assert list(writes(line))
    assert not list(writes('open("f"); file.open("rb"); text.replace("a", "b"); os.fspath(f)'))


def test_the_package_writes_by_the_seam_alone() -> None:
    found = {
        str(file.relative_to(PACKAGE)): calls
        for file in PACKAGE.rglob("*.py")
        if file.parent.name != "files" and file.relative_to(PACKAGE).parts not in EXCEPT
        if (calls := list(writes(file.read_text())))
    }
    assert found == {}
