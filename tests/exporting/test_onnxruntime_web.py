"""npm's package: from a folder, an archive, or npm once."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from askattend.errors import ConfigError
from askattend.exporting import onnxruntime_web
from askattend.exporting.onnxruntime_web import FILES, VERSION, cached, runtime_files

CONTENTS = {name: f"what {name} holds".encode() for name in FILES}


def packed(contents: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


class Npm:
    """npm, which counts how often it is asked to pack."""

    def __init__(self, content: bytes) -> None:
        self.content, self.asked = content, list[str]()

    def __call__(self, command: list[str], *, cwd: Path, **options: object) -> None:
        assert command[:2] == ["npm", "pack"]
        self.asked.append(command[2])
        (cwd / "fetched.tgz").write_bytes(self.content)


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Npm:
    found = Npm(packed(CONTENTS))
    digest = base64.b64encode(hashlib.sha512(found.content).digest()).decode()
    monkeypatch.setattr(onnxruntime_web, "INTEGRITY", digest)
    monkeypatch.setattr(onnxruntime_web, "which", lambda name: name)
    monkeypatch.setattr(onnxruntime_web, "run", found)
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    return found


def test_it_is_fetched_once(npm: Npm) -> None:
    for _ in range(2):
        found = runtime_files(None)
        assert {name: found[name] for name in FILES} == CONTENTS
        assert b"MIT License" in found["LICENSE"]
    assert npm.asked == [f"onnxruntime-web@{VERSION}"]


def test_what_is_not_the_package_is_not_kept(npm: Npm) -> None:
    npm.content += b"more"
    with pytest.raises(ConfigError, match="its digest is another"):
        runtime_files(None)
    assert not cached().exists()


def test_without_a_network_it_says_what_to_do(npm: Npm, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **options: object) -> None:
        raise CalledProcessError(1, command)

    monkeypatch.setattr(onnxruntime_web, "run", fail)
    with pytest.raises(ConfigError, match=r"npm pack .* did not fetch it.*--onnxruntime-web"):
        runtime_files(None)
    monkeypatch.setattr(onnxruntime_web, "which", lambda name: None)
    with pytest.raises(ConfigError, match=r"npm.*is not installed.*--onnxruntime-web"):
        runtime_files(None)


@pytest.mark.parametrize("place", ["", "dist", "package/dist"])
def test_a_folder_of_it_will_do(place: str, tmp_path: Path) -> None:
    inside = tmp_path / place
    inside.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (inside / name).write_bytes(content)
    found = runtime_files(tmp_path)
    assert {name: found[name] for name in FILES} == CONTENTS


def test_what_lacks_a_file_is_refused(tmp_path: Path) -> None:
    whole = packed(CONTENTS)
    (tmp_path / "a.tgz").write_bytes(packed(dict(list(CONTENTS.items())[:1])))
    (tmp_path / "b.tgz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.tgz").write_bytes(b"no archive")
    (tmp_path / "folder").mkdir()
    for name, told in (
        ("a.tgz", f"holds no {', '.join(FILES[1:])}"),
        ("b.tgz", "is no package of npm's"),
        ("c.tgz", "is no package of npm's"),
        ("folder", f"holds no {FILES[0]}"),
        ("d.tgz", "no such file"),
    ):
        with pytest.raises(ConfigError, match=told):
            runtime_files(tmp_path / name)
