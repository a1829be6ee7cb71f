"""Members of tar files: what is an image, what it is called, and that nothing is passed over."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import DataError
from askattend.features.image_places import Place, read_image
from askattend.features.tar import FoundImage, ReadDescription, tar_images
from features.archives import link, write_tar


def listed(file: Path, read: ReadDescription | None = None) -> list[FoundImage]:
    with file.open("rb") as opened:
        return list(tar_images(opened, Place.of(file), read=read))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_found_where_they_lie(tmp_path: Path, mode: str, format: int) -> None:
    contents = {f"{'long' * 20}/{n}.png": bytes([n]) * (n * 300) for n in range(5)}
    with tarfile.open(tmp_path / "a.tar", mode, format=format) as opened:  # type: ignore[call-overload]
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    found = listed(tmp_path / "a.tar")
    assert {each.image: read_image(each.place, each.image) for each in found} == contents
    assert all(each.place.packed == (mode == "w:gz") for each in found)


def test_names_are_those_within_the_folder(tmp_path: Path) -> None:
    names = ["./a.png", "./sub/b.PNG", "c.txt", "../d.png", "/e.png", "caf\udce9.png", "f.png/g"]
    names += ["./._a.png", ".hidden/h.png", "sub/.i.png"]
    file = write_tar(tmp_path / "a.tar", dict.fromkeys(names, b"x"))
    images = [found.image for found in listed(file)]
    assert images == ["a.png", "sub/b.PNG", "../d.png", "/e.png", "caf\\xe9.png"]


def test_what_holds_no_picture_is_named(tmp_path: Path) -> None:
    folder, pipe = tarfile.TarInfo("folder.png"), tarfile.TarInfo("pipe.png")
    folder.type, pipe.type = tarfile.DIRTYPE, tarfile.FIFOTYPE
    members: dict[str, bytes | tarfile.TarInfo] = {
        "a.png": b"x",
        "soft": link("soft.png", "a.png"),
        "hard": link("hard.png", "a.png", tarfile.LNKTYPE),
        "folder": folder,
        "pipe": pipe,
        "other": link("other.txt", "a.png"),
    }
    found = listed(write_tar(tmp_path / "a.tar", members))
    told = {each.image: each.place.problem for each in found}
    soft, hard = (
        f"a link to 'a.png', which is not read (tar {option} stores it)"
        for option in ("--dereference", "--hard-dereference")
    )
    plain = "a device or a file with holes, which is not read"
    assert told == {"a.png": "", "soft.png": soft, "hard.png": hard, "pipe.png": plain}


def test_descriptions_lie_beside_their_images(tmp_path: Path) -> None:
    members = {"a.jpg": b"x", "a.json": b"1", "a.b.png": b"y", "c.png": b"z", "d.json": b""}
    file = write_tar(tmp_path / "a.tar", members)
    found = listed(file, read=lambda content, where: tuple(content.decode()))
    assert {each.image: each.told for each in found} == {
        "a.jpg": ("1",),
        "a.b.png": (),
        "c.png": (),
    }
    assert not any(each.told for each in listed(file))
    with pytest.raises(DataError, match=r"a\.tar: d\.json: holds questions, but no image"):
        listed(file, read=lambda content, where: (where,))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    members = {f"{n}.png": bytes(700) for n in range(4)}
    return write_tar(folder / "a.tar", members).read_bytes()


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_cut_is_never_passed_over(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    """Only the zeros behind the two blocks that end it may be missing."""
    end = 4 * (512 + 1024) + 512
    file = tmp_path_factory.getbasetemp() / "cut.tar"
    file.write_bytes(whole[: int(share * end)])
    with pytest.raises(DataError, match=r"cut off or damaged|no tar file that can be read"):
        listed(file)
