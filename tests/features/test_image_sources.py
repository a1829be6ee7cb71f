"""Images of folders, tar files and addresses, listed in order and none passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.errors import AskAttendError, DataError
from askattend.features.image_places import Place, read_image
from askattend.features.image_sources import expanded_names, images_of, names_images
from features.archives import in_memory, write_tar

PICTURES = {"a.png": b"1", "sub/b.jpg": b"22", "sub/c.txt": b"", ".hidden.png": b"", "d.PNG": b"3"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in PICTURES.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(content)
    write_tar(tmp_path / "a.tar", PICTURES)
    write_tar(tmp_path / "b.tar.gz", {f"./{name}": PICTURES[name] for name in PICTURES}, "w:gz")
    return tmp_path


def contents(*sources: object) -> dict[str, bytes]:
    found = images_of([str(source) for source in sources])
    return {each.image: read_image(each.place, each.image) for each in found}


def test_one_set_of_images_from_everywhere(folder: Path) -> None:
    expected = {"a.png": b"1", "d.PNG": b"3", "sub/b.jpg": b"22"}
    with in_memory(PICTURES | {"a.tar": (folder / "a.tar").read_bytes()}) as system:
        for source in (
            folder / "photos",
            (folder / "photos").as_uri(),
            folder / "a.tar",
            folder / "b.tar.gz",
            (folder / "b.tar.gz").as_uri(),
            "memory://shop",
            "memory://shop/a.tar",
            "memory://shop/*.tar",
        ):
            assert contents(source) == expected, source
        assert list(contents(folder / "photos")) == list(contents("memory://shop"))
        system.rm_file("/shop/d.PNG")
        (found,) = (each for each in images_of(["memory://shop"]) if each.image == "a.png")
        assert found.place.version
        assert found.place.size == 1
        members = [each.place.version for each in images_of(["memory://shop/a.tar"])]
        assert len(set(members)) == 1
        assert members[0]


def test_patterns_are_as_a_shell_has_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert list(contents("photos/*.png")) == ["a.png"]
    assert list(contents("photos/*.[pP][nN][gG]")) == ["a.png", "d.PNG"]
    assert contents("phot?s") == contents("photos")
    assert contents("[ab].tar") == contents("a.tar")
    assert list(contents("photos/**/*.jpg")) == ["b.jpg"]
    (folder / "odd[1].tar").write_bytes((folder / "a.tar").read_bytes())
    assert contents("odd[1].tar") == contents("a.tar")
    with in_memory({"x/1.png": b"", "y/2.png": b"", "y/3.txt": b""}):
        assert list(contents("memory://shop/*")) == ["1.png", "2.png"]
        assert list(contents("memory://shop/y/*")) == ["2.png"]


def test_ranges_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert expanded_names("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expanded_names("{a,b}{1..2}") == ["a1", "a2", "b1", "b2"]
    assert expanded_names("plain.tar") == ["plain.tar"]
    for name in ("a1.tar", "a2.tar", "b1.tar"):
        (tmp_path / name).touch()
    assert expanded_names("{a,b}*.tar") == ["a1.tar", "a2.tar", "b1.tar"]
    with pytest.raises(DataError, match="names no files"):
        expanded_names("{3..1}.tar")
    with pytest.raises(DataError, match=r"c\*\.tar: matches no file"):
        expanded_names("{a,c}*.tar")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gone.tar", "gone.tar: no such file or folder"),
        ("a-{00..02}.tar", "a-00.tar: no such file or folder"),
        ("*.zip", r"\*.zip: matches no file"),
        ("notes.txt", "notes.txt: is no source of images"),
        ("empty", "no image in this folder"),
        ("tars", r"no image in this folder. Name its tar files: '.*tars/\*.tar'"),
        ("none.tar", "none.tar: no image in this tar file"),
        ("text.tar", "text.tar: is no tar file that can be read"),
        (
            "memory://nowhere",
            r"no image at this address. .* write …/\*.tar",
        ),
        ("memory://nowhere/a.tar", "a.tar: cannot be read .nothing is found"),
        ("memory://nowhere/*.tar", "matches no file. Check the address"),
        ("nosuch://bucket", "nosuch://bucket: cannot be read .Protocol not known"),
    ],
)
def test_what_is_no_source(
    source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("notes.txt", "text.tar", "empty/x.txt", "tars/x.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    write_tar(tmp_path / "none.tar", {"a.txt": b""})
    with pytest.raises(AskAttendError, match=message):
        list(images_of([source]))


def test_the_last_name_is_looked_for_before_anything_is_read(folder: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.tar"):
        next(images_of([str(folder / "photos"), str(folder / "gone.tar")]))


def test_an_image_alone_is_a_source(tmp_path: Path) -> None:
    file = tmp_path / "one.png"
    file.touch()
    (found,) = images_of([str(file)])
    assert (found.image, found.place) == ("one.png", Place.of(file))


def test_images_are_told_from_sources_of_questions(folder: Path) -> None:
    images = (folder / "photos", "a.tar", "s3://b/c", "a-{0..9}.tgz", "x/*", "one.JPG", "{a,b}")
    assert all(names_images(str(source)) for source in images)
    questions = ("easy-vqa", "table:a*.csv", "scenes:images=9", "vqa:folder", "nowhere")
    assert not any(map(names_images, questions))
