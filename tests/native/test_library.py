"""Compiled kernels: made once, made anew where what lies in the cache is not theirs, left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from askattend.models import SAAA, SAN, SAAAConfig, SANConfig
from askattend.models.kernels import choice
from askattend.native import library as module
from askattend.native.library import library, missing_library


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own, and nothing loaded."""
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    library.cache_clear()
    yield tmp_path / "cache"
    monkeypatch.undo()
    library.cache_clear()


def test_they_are_compiled_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library() is not None
    (file,) = (cache / "kernels").glob("*/*.so")
    before = file.stat().st_mtime_ns
    library.cache_clear()
    monkeypatch.setenv("PATH", "")  # no compiler is needed any more
    monkeypatch.delenv("CC", raising=False)
    assert library() is not None
    assert file.stat().st_mtime_ns == before


def test_a_group_that_may_write_does_not_make_them_anew(cache: Path) -> None:
    before = os.umask(0o002)
    try:
        assert library() is not None
    finally:
        os.umask(before)
    (file,) = (cache / "kernels").glob("*/*.so")
    assert module._is_whole(file)


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()  # it may be loaded
    file.write_bytes(content)


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-1])


def open_to_all(file: Path) -> None:
    file.chmod(0o666)


@pytest.mark.parametrize("spoil", [damage, cut, open_to_all])
def test_what_is_not_ours_is_made_anew(cache: Path, spoil: object) -> None:
    assert library() is not None
    (file,) = (cache / "kernels").glob("*/*.so")
    whole = file.read_bytes()
    assert callable(spoil)
    spoil(file)
    library.cache_clear()
    assert library() is not None
    # A compiler's output may differ in names of temporary files; it is whole, and nobody else's.
    assert module._is_whole(file)
    assert len(file.read_bytes()) == len(whole)
    assert not file.stat().st_mode & 0o002


def test_another_users_file_is_not_loaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library() is not None
    (file,) = (cache / "kernels").glob("*/*.so")
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert not module._is_whole(file)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"ASKATTEND_NATIVE": "0"}, "switched off by ASKATTEND_NATIVE=0"),
        ({"PATH": "", "CC": ""}, "no C compiler was found"),
        ({"CC": "false"}, None),
        ({"ASKATTEND_CACHE": "/proc/nothing"}, None),
    ],
)
def test_without_them_the_reason_is_told(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    reason: str | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert library() is None
    assert missing_library() == reason
    assert not choice.native_runs(torch.ones(1))


def test_another_processor_has_kernels_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = module._key()
    monkeypatch.setattr(module, "_features", lambda: "flags : none")
    assert module._key() != own


@pytest.mark.parametrize("network", [SAAA, SAN])
@pytest.mark.parametrize("dropout", [0.0, 0.5, 0.2])
def test_networks_learn_the_same_without_them(
    network: type[SAAA] | type[SAN], dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    sizes: Any = {"words": 20, "answers": 7, "region_dim": 12}
    model: SAAA | SAN
    if network is SAAA:
        model = SAAA(SAAAConfig(8, 16, 24, 2, 16, dropout=dropout), **sizes)
    else:
        model = SAN(SANConfig(dropout=dropout, question_dim=16, attention_dim=24), **sizes)
    regions, tokens = torch.randn(3, 9, 12).half(), torch.randint(2, 20, (6, 5))
    lengths, index = torch.tensor([5, 3, 1, 4, 4, 2]), torch.tensor([0, 0, 2, 1, 2, 0])

    def learnt() -> list[torch.Tensor]:
        torch.manual_seed(1)
        logits = model.train()(regions.float(), tokens, lengths, index).logits
        return [logits, *torch.autograd.grad(logits.square().sum(), list(model.parameters()))]

    ours = learnt()
    monkeypatch.setattr(choice, "native_runs", lambda *_, **__: False)
    for one, other in zip(ours, learnt(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
