"""Whole files within limits: what is no file, too large, or nested without end."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import ConfigError, DataError
from askattend.files import decode_json, open_plain, read_bytes, read_whole
from askattend.files.limits import FILE, MEBIBYTE, RATIO, Limit


@given(content=st.binary(max_size=1000), members=st.integers(1, 3), zeros=st.integers(0, 3))
def test_gzip_of_one_member_or_several(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, members: int, zeros: int
) -> None:
    file = tmp_path_factory.mktemp("packed") / "f"
    file.write_bytes(gzip.compress(content) * members + b"\0" * zeros)
    assert read_bytes(file) == (content * members).removeprefix(b"\xef\xbb\xbf")


def test_a_bomb_is_not_unpacked_any_further(tmp_path: Path) -> None:
    file = tmp_path / "bomb.json"
    file.write_bytes(gzip.compress(bytes(20 * MEBIBYTE)))
    with pytest.raises(DataError, match=r"grows beyond 16 MiB.* set ASKATTEND_MAX_RATIO to more"):
        read_bytes(file)


def test_the_ratio_may_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "zeros.json"
    file.write_bytes(gzip.compress(bytes(20 * MEBIBYTE)))
    monkeypatch.setenv("ASKATTEND_MAX_RATIO", "1100")
    assert read_bytes(file) == bytes(20 * MEBIBYTE)


def test_a_large_file_is_refused_and_the_limit_may_be_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(MEBIBYTE + 1))
    monkeypatch.setenv("ASKATTEND_MAX_FILE_MIB", "1")
    with pytest.raises(DataError, match=r"larger than 1 MiB; if it is meant, set ASK"):
        read_bytes(file)
    file.write_bytes(bytes(MEBIBYTE))
    assert len(read_bytes(file)) == MEBIBYTE
    monkeypatch.setenv("ASKATTEND_MAX_FILE_MIB", "2")
    file.write_bytes(bytes(MEBIBYTE + 1))
    assert len(read_bytes(file)) == MEBIBYTE + 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table.csv")
    with pytest.raises(DataError, match=r"table\.csv: cannot be read \(a pipe, not a file"):
        read_bytes(tmp_path / "table.csv")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a system without devices in folders")
def test_a_device_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "results.json").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="a device, not a file"):
        read_bytes(tmp_path / "results.json")


def test_what_cannot_be_opened_is_an_error_of_the_system_s(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        read_whole(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match=r"loop|symbolic links"):
        read_whole(tmp_path / "loop")


@pytest.mark.parametrize("deep", [b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000])
def test_deep_nesting_is_malformed(deep: bytes) -> None:
    with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
        decode_json(deep)


def test_a_text_that_is_not_utf_8_is_malformed() -> None:
    with pytest.raises(msgspec.DecodeError, match="not UTF-8"):
        decode_json(b'{"answer": "caf\xe9"}')


@given(st.recursive(st.none() | st.integers(-9, 9) | st.text(), st.lists))
def test_whole_json_is_what_it_was(value: object) -> None:
    assert decode_json(msgspec.json.encode(value)) == value


@pytest.mark.parametrize("text", ["many", "nan", "inf", "0", "-1"])
def test_a_limit_is_a_positive_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_MAX_RATIO", text)
    with pytest.raises(ConfigError, match=rf"ASKATTEND_MAX_RATIO={text}: is no positive number"):
        RATIO.value()


def test_a_limit_without_its_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit("ASKATTEND_MAX_OF_NOTHING", 7, "things")
    assert limit.value() == 7
    assert limit.how_to_raise().endswith("set ASKATTEND_MAX_OF_NOTHING to more than 7 things.")
    monkeypatch.setenv(FILE.variable, "")
    assert FILE.value() == FILE.default


def test_a_folder_leaves_no_handle_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(5):
        with pytest.raises(IsADirectoryError) as error:
            open_plain(tmp_path)
        assert error.value.filename == str(tmp_path)
    assert len(os.listdir("/proc/self/fd") if before else []) == before
