"""Files that are torn, damaged, or not written by torch.save; and those that would run code."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from askattend.errors import RunError
from askattend.importing.pytorch_vqa import import_log


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a file that torch.save wrote, or damaged"),
        (b"hello", "not a file that torch.save wrote, or damaged"),
        (b"PK\x03\x04 torn", "not a file that torch.save wrote, or damaged"),
        (b"\x80\x02}q\x00.", "not a file that torch.save wrote, or damaged"),
    ],
)
def test_what_torch_did_not_write_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "log.pth").write_bytes(content)
    with pytest.raises(RunError, match=message):
        import_log(tmp_path / "log.pth", tmp_path / "run")


def test_the_oldest_format_is_refused_too(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "log.pth", "w") as tar:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(RunError, match=r"as torch wrote them at first.* save what is needed of it"):
        import_log(tmp_path / "log.pth", tmp_path / "run")


def test_a_torn_log_is_refused(log_file: Path, tmp_path: Path) -> None:
    (tmp_path / "log.pth").write_bytes(log_file.read_bytes()[:-2000])
    with pytest.raises(RunError, match="not a file that torch"):
        import_log(tmp_path / "log.pth", tmp_path / "run")


def test_a_packed_log_is_refused(log_file: Path, tmp_path: Path) -> None:
    """A few kilobytes of zeros would unpack to any size."""
    with (
        zipfile.ZipFile(log_file) as plain,
        zipfile.ZipFile(tmp_path / "log.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    with pytest.raises(RunError, match=r"damaged \(its parts are packed"):
        import_log(tmp_path / "log.pth", tmp_path / "run")


@pytest.mark.parametrize("name", ["text.embedding.weight", "classifier.lin2.bias"])
def test_a_flipped_bit_is_noticed(
    log_file: Path, log: dict[str, Any], tmp_path: Path, name: str
) -> None:
    content = bytearray(log_file.read_bytes())
    tensor = log["weights"][f"module.{name}"].numpy().tobytes()
    content[content.index(tensor) + len(tensor) // 2] ^= 1
    (tmp_path / "log.pth").write_bytes(content)
    with pytest.raises(RunError, match="damaged"):
        import_log(tmp_path / "log.pth", tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("unpickled",)


@pytest.mark.parametrize(("value", "named"), [(np.float64(0.5), "numpy"), (Harmful(), "print")])
def test_what_would_run_code_is_refused_and_how_to_go_on_is_said(
    log: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    value: object,
    named: str,
) -> None:
    log["tracker"]["val_acc"] = [[value]]
    file = tmp_path / "it's a log.pth"
    torch.save(log, file)
    with pytest.raises(RunError, match=f"holds objects .*{named}") as refused:
        import_log(file, tmp_path / "run")
    assert capsys.readouterr().out == ""
    command = re.search(r"python -c .*", str(refused.value))
    assert command is not None
    # What it says to do does it.
    _, *arguments = shlex.split(command[0])
    subprocess.run([sys.executable, *arguments], check=True)
    run = import_log(tmp_path / "it's a log-plain.pth", tmp_path / "run")
    assert len(run.answers) == 15
