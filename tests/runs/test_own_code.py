"""Code of somebody's own: read, refused, agreed to, run."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from askattend.errors import ConfigError, RunError, UntrustedCodeError
from askattend.runs.own_code import OwnCode, is_trusted, read_attention, trust

SOURCE = """
from pathlib import Path
from torch import nn

Path("ran").touch()

class Mine(nn.Linear):
    def __init__(self, region_dim, question_dim, bias=False):
        super().__init__(region_dim, question_dim, bias)

def maker(region_dim):
    return nn.Linear(region_dim, 1)

class Odd(nn.Module):
    def __init__(self, colour):
        super().__init__()

def broken():
    raise ValueError("no luck.")

NUMBER = 3

def nothing():
    return 3
"""
SIZES = {"region_dim": 5, "question_dim": 3}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path / "mine.py"


def test_nothing_runs_before_somebody_agrees(file: Path) -> None:
    code = OwnCode.named(f"{file}:Mine")
    with pytest.raises(UntrustedCodeError, match=r"mine\.py: the run brings code .* agree once"):
        code.make(SIZES)
    assert not Path("ran").exists()
    trust(code.digest)
    made = code.make(SIZES)
    assert isinstance(made, nn.Linear)
    assert (made.in_features, made.out_features, made.bias is None) == (5, 3, True)
    assert Path("ran").exists()
    file.write_text(f"{SOURCE}# another line\n")
    assert not is_trusted(OwnCode.named(f"{file}:Mine"))


def test_functions_make_modules_too(file: Path) -> None:
    code = OwnCode.named("mine.py:maker")
    trust(code.digest)
    assert isinstance(code.make(SIZES), nn.Linear)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mime", "has no 'Mime'. Did you mean 'Mine'?"),
        ("NUMBER", "has no 'NUMBER'"),
        ("Odd", r"asks for 'colour', which is not known. Give it a default, or .*region_dim"),
        ("broken", r"cannot be made \(ValueError: no luck\)"),
        ("nothing", "makes int, not a torch.nn.Module"),
    ],
)
def test_code_that_does_not_fit(file: Path, name: str, message: str) -> None:
    code = OwnCode.named(f"{file}:{name}")
    trust(code.digest)
    with pytest.raises(ConfigError, match=message):
        code.make(SIZES)


def test_code_stands_by_itself(file: Path) -> None:
    Path("helper.py").write_text("x = 1")
    file.write_text("import helper\nfrom torch import nn\nMine = nn.Linear\n")
    code = OwnCode.named("mine.py:Mine")
    trust(code.digest)
    with pytest.raises(ConfigError, match=r"No module named 'helper'\)\. It must stand by itself"):
        code.make(SIZES)


@pytest.mark.parametrize("place", ["mine.py", ":Mine", "mine.py:", "mine.py:1x", "Mine"])
def test_places_that_name_no_class(file: Path, place: str) -> None:
    with pytest.raises(ConfigError, match=r"Write it as FILE\.py:NAME"):
        OwnCode.named(place)
    with pytest.raises(ConfigError, match="cannot be read"):
        OwnCode.named("nowhere.py:Mine")


def test_classes_are_read_from_their_file() -> None:
    from small_modules import HalfOfIt

    code = OwnCode.of(HalfOfIt)
    assert (code.name, code.file.name) == ("HalfOfIt", "small_modules.py")
    inside = type("Inside", (nn.Module,), {"__qualname__": "f.<locals>.Inside"})
    with pytest.raises(ConfigError, match="not defined at the top of a file"):
        OwnCode.of(inside)


def test_a_run_without_its_code(tmp_path: Path) -> None:
    assert read_attention(tmp_path / "attention.py", {}) is None
    with pytest.raises(RunError, match="missing"):
        read_attention(tmp_path / "attention.py", {"attention": "Mine"})
