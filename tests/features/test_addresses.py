"""Addresses of fsspec's: listed, read in parts, and never waited for without end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from askattend.errors import DataError
from askattend.features import addresses
from askattend.features.addresses import (
    exists_at,
    fetch,
    files_at,
    is_address,
    matches_at,
    open_address,
    unreachable,
    version_at,
)
from askattend.features.image_names import is_image
from features.archives import file_system, in_memory

METHODS = ("exists", "info", "isfile", "find", "glob", "cat_file", "open")


def test_addresses_and_paths() -> None:
    for address in ("s3://b", "memory://a/b", "zip://x::s3://b/a.zip", "simplecache::gs://b"):
        assert is_address(address)
    for path in ("a.tar", "/x/y", "C:/x", "C://x", "vqa:folder", "a/b://c"):
        assert not is_address(path)


def test_what_lies_at_an_address_or_below_it() -> None:
    with in_memory({"b.png": b"12", "sub/a.png": b"1", "c.txt": b""}):
        found = list(files_at("memory://shop", is_image))
        assert [(each.name, each.size) for each in found] == [("b.png", 2), ("sub/a.png", 1)]
        assert [fetch(each.address) for each in found] == [b"12", b"1"]
        (one,) = files_at("memory://shop/sub/a.png", is_image)
        assert one.name == "a.png"
        assert [each.name for each in matches_at("memory://shop/*.png")] == ["b.png"]
        (folder,) = matches_at("memory://shop/s*")
        assert folder.is_folder
        assert exists_at("memory://shop/b.png")
        assert not exists_at("memory://nowhere")
        assert not list(files_at("memory://nowhere", is_image))
        for call in (version_at, open_address, fetch):
            with pytest.raises(FileNotFoundError):
                call("memory://shop/gone")


def test_a_version_is_of_what_is_there() -> None:
    with in_memory({"a.tar": b"1", "b.tar": b"2"}) as system:
        before = [version_at(f"memory://shop/{name}.tar") for name in "ab"]
        assert before == [version_at(f"memory://shop/{name}.tar") for name in "ab"]
        system.pipe_file("/shop/a.tar", b"1")
        assert version_at("memory://shop/a.tar") != before[0]
        assert version_at("memory://shop/b.tar") == before[1]
    assert addresses._version({"name": "x", "size": 3, "type": "file"}) == ""
    tagged = addresses._version({"ETag": "1"})
    assert "" != tagged != addresses._version({"ETag": "2"})


def test_a_large_file_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_TOGETHER", 4)
    with in_memory({"a": b"0123456789"}):
        for start, size in ((None, 10), (None, 3), (2, 7), (6, 4), (6, 400), (3, 0)):
            expected = b"0123456789"[start or 0 :][: None if start is None else size]
            assert fetch("memory://shop/a", start, size) == expected
        with open_address("memory://shop/a") as opened:
            assert opened.read(2) == b"01"
            assert opened.seek(-3, 2) == 7
            assert opened.read() == b"789"


def test_addresses_that_fail_are_told() -> None:
    with pytest.raises(DataError, match=r"nosuch://b: cannot be read \(Protocol not known"):
        exists_at("nosuch://b")

    def refuse(self: Any, *words: Any, **more: Any) -> Any:
        raise PermissionError("Forbidden.\nSee the manual.")

    refusing = dict.fromkeys(METHODS, refuse)
    with file_system("refusing", **refusing):
        calls: tuple[Any, ...] = (exists_at, version_at, open_address, fetch, matches_at)
        for call in (*calls, lambda address: list(files_at(address, is_image))):
            with pytest.raises(DataError, match=r"cannot be read \(Forbidden. See the manual\)"):
                call("refusing://x/*")
    gone = FileNotFoundError("http://h")
    gone.__cause__ = OSError("Cannot connect to host h")
    assert "(Cannot connect to host h)" in str(unreachable("http://h", gone))


def test_no_answer_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "ANSWERS_WITHIN", 0.05)
    over = threading.Event()

    def wait(self: Any, *words: Any, **more: Any) -> Any:
        over.wait(60)

    mute = dict.fromkeys(METHODS, wait)
    try:
        with file_system("mute", **mute):
            calls: tuple[Any, ...] = (exists_at, version_at, open_address, fetch, matches_at)
            for call in (*calls, lambda address: list(files_at(address, is_image))):
                with pytest.raises(DataError, match=r"mute://x/.*: cannot be read \(no answer"):
                    call("mute://x/*")
    finally:
        over.set()


def test_an_open_file_that_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "ANSWERS_WITHIN", 0.05)
    over = threading.Event()

    class Silent:
        def seekable(self) -> bool:
            return True

        def read(self, size: int) -> bytes:
            over.wait(60)
            return b""

        def close(self) -> None:
            pass

    with file_system("silent", open=lambda self, path, mode: Silent()):
        opened = open_address("silent://x")
        with pytest.raises(DataError, match="no answer within"):
            opened.read(1)
    over.set()


class _Server(SimpleHTTPRequestHandler):
    """Sends parts of files, unless the folder's name says that it does not."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        asked = self.headers.get("Range")
        if asked is None or "whole" in self.path:
            super().do_GET()
            return
        first, last = map(int, asked.removeprefix("bytes=").split("-"))
        content = path.read_bytes()
        part = content[first : last + 1]
        self.send_response(206)
        last = first + len(part) - 1
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, format: str, *words: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    made = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Server, directory=str(tmp_path)))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_web_server_is_listed_and_read(tmp_path: Path, server: str) -> None:
    for name in ("parts", "whole"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "a.png").write_bytes(b"0123456789")
        (tmp_path / name / "sub" / "b.png").write_bytes(b"1")
    for end in ("", "/"):
        found = list(files_at(f"{server}/parts{end}", is_image))
        assert [each.name for each in found] == ["a.png", "sub/b.png"]
    assert fetch(found[0].address) == b"0123456789"
    assert fetch(found[0].address, 2, 3) == b"234"
    assert [each.name for each in files_at(f"{server}/parts/a.png", is_image)] == ["a.png"]
    assert [each.name for each in matches_at(f"{server}/parts/*.png")] == ["a.png"]
    with pytest.raises(DataError, match="it sends whole files where a part is asked for"):
        fetch(f"{server}/whole/a.png", 2, 3)
    with pytest.raises(FileNotFoundError):
        fetch(f"{server}/parts/gone.png")


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(DataError, match=r"Cannot connect to host 127\.0\.0\.1:1 "):
        fetch("http://127.0.0.1:1/a.png")


def test_addresses_within_others(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.zip", "w") as made:
        made.writestr("sub/a.png", b"1")
    for address in (f"zip://::file://{tmp_path}/x.zip", f"zip://sub::file://{tmp_path}/x.zip"):
        (found,) = files_at(address, is_image)
        assert fetch(found.address) == b"1"
    (found,) = matches_at(f"zip://sub/*.png::file://{tmp_path}/x.zip")
    assert (found.name, fetch(found.address)) == ("a.png", b"1")
    assert not exists_at(f"zip://::file://{tmp_path}/gone.zip")
    with in_memory({"sub/a.png": b"2"}):
        (found,) = files_at("simplecache::memory://shop", is_image)
        assert (found.name, fetch(found.address)) == ("sub/a.png", b"2")
        (found,) = matches_at("simplecache::memory://shop/sub/*")
        assert (found.name, fetch(found.address)) == ("a.png", b"2")


@pytest.mark.parametrize(
    ("place", "error", "told"),
    [
        (
            "http://h/x.tar",
            FileNotFoundError("http://h/x.tar"),
            "nothing is found there). Check th",
        ),
        (
            "s3://b/x",
            ImportError("Install s3fs\nto access S3"),
            "Install s3fs to access S3). Ch",
        ),
        (
            "/x.tar",
            OSError(5, "Input/output error", "/x.tar"),
            "Input/output error). Check the pat",
        ),
        ("s3://b/x", TimeoutError(), "TimeoutError). Check the address"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(place: str, error: Exception, told: str) -> None:
    assert f"{place}: cannot be read ({told}" in str(unreachable(place, error))
