"""A look at the machine: it says what is there, and what to do about what is slow."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import msgspec
import pytest
import torch

from askattend.environment import checkup
from askattend.environment.checkup import Checkup, Processor, advise, examine
from askattend.installation import extras
from commands import Call


def test_what_is_there() -> None:
    found = examine()
    assert found.torch == torch.__version__
    assert found.python == platform.python_version()
    assert found.processor.threads == torch.get_num_threads()
    assert 0 < found.processor.cores <= (os.cpu_count() or 1)
    assert found.memory is not None
    assert found.memory_free is not None
    assert 0 < found.memory_free < found.memory
    assert list(found.extras) == extras()
    assert found.extras["serve"] == ()  # the tests need it


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    needed = ["fastapi>=0.115", "no-such-package>=1; python_version > '3'"]
    monkeypatch.setattr(checkup, "required_by", lambda extra: needed if extra == "serve" else [])
    assert examine().extras["serve"] == ("no-such-package",)
    out = call("doctor")[1]
    assert "\nno serve   pip install " in out


def test_what_caches_take_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path))
    for part, size in (("scenes/a", 1000), ("scenes/b", 500), ("packed/c", 3000)):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "file").write_bytes(b"x" * size)
    kinds = {"packed run": 3000, "drawings": 1500}
    assert json.loads(call("doctor", "--json")[1])["cached"] == kinds
    assert f"{tmp_path}: 4.5 kB (3.0 kB packed run, 1.5 kB drawings); " in call("doctor")[1]


def healthy() -> Checkup:
    """A quiet machine."""
    processor = Processor("x", 2.0, 2, "GOMP_SPINCOUNT=3000", 0.1, ("avx2",), "float32")
    found = examine()
    return msgspec.structs.replace(
        found, processor=processor, memory_free=10**10, disk_free=10**10, gpus=("a GPU",)
    )


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        ({"load": 7.2}, "7 processes share 2 cores", "OMP_NUM_THREADS=1"),
        ({"threads": 16}, "16 threads compute on 2 cores", "OMP_NUM_THREADS=2"),
        ({"cores": 0.5}, "2 threads compute on 0.5 cores", "OMP_NUM_THREADS=1"),
        ({"features": ()}, "no AVX2", "a quarter of the speed"),
    ],
)
def test_a_slow_processor(
    change: dict[str, object], message: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    found = healthy()
    assert list(advise(found)) == []
    slow = msgspec.structs.replace(found.processor, **change)
    advice = list(advise(msgspec.structs.replace(found, processor=slow)))
    assert message in advice[0].problem
    assert remedy in advice[0].remedy
    assert not advice[0].serious


def test_threads_that_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = healthy()
    one = msgspec.structs.replace(found.processor, threads=1)
    (advice,) = advise(msgspec.structs.replace(found, processor=one))
    assert advice.problem == "OMP_NUM_THREADS leaves 1 of 2 cores to PyTorch"


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_no_two_pieces_of_advice_gainsay_each_other(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    found = healthy()
    shared = msgspec.structs.replace(found.processor, threads=threads, load=7.2)
    (advice,) = advise(msgspec.structs.replace(found, processor=shared))
    assert ("OMP_NUM_THREADS=1" in advice.remedy) == (threads > 1)


def test_little_memory_and_disk() -> None:
    found = msgspec.structs.replace(healthy(), memory_free=10**9, disk_free=10**9)
    assert [each.problem for each in advise(found)] == [
        "1.0 GB of memory are free",
        "1.0 GB are free on the cache's disk",
    ]


def test_a_driver_that_pytorch_does_not_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    (advice,) = advise(msgspec.structs.replace(healthy(), gpus=()))
    assert advice.problem.startswith("there is an NVIDIA driver")


def test_without_a_cache_a_command_would_fail(
    monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkup, "_cache", lambda: None)
    status, out, _ = call("doctor", "--json")
    told = json.loads(out)
    assert (status, told["healthy"], told["cache"]) == (1, False, None)
    assert "ASKATTEND_CACHE" in told["advice"][-1]["remedy"]
    monkeypatch.setattr(checkup, "_cache", lambda: tmp_path / "not" / "yet")
    assert json.loads(call("doctor", "--json")[1])["healthy"]


def test_without_kernels_it_is_said(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setenv("ASKATTEND_NATIVE", "0")
    told = json.loads(call("doctor", "--json")[1])
    assert told["no_kernels"] == "switched off by ASKATTEND_NATIVE=0"
    assert any("no kernels in C" in each["problem"] for each in told["advice"])
    assert "kernels    none: switched off by ASKATTEND_NATIVE=0" in call("doctor")[1]


def test_a_container_s_share_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_read", lambda file: "50000 100000\n" if "cpu" in file else "")
    found = examine()
    assert found.processor.cores == 0.5
    assert (found.memory, found.memory_free) == (None, None)
    monkeypatch.setattr(checkup, "_read", lambda file: "max 100000\n")
    assert examine().processor.cores >= 1
