"""Workers of another version, or that see another folder, are not let in."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from rich.console import Console

from askattend.cluster.admission import Admission
from askattend.cluster.places import absolute_place, archive_sizes, first_unseen
from askattend.cluster.worker import Refused, Unseen, Worker
from askattend.errors import AskAttendError, ConfigError, DataError
from askattend.features.image_places import Place


@pytest.fixture
def worker() -> Worker:
    """A worker in this process, which is none of Ray's."""
    made = Worker.__new__(Worker)
    made._stack, made._task = ExitStack(), None
    return made


def test_who_is_like_us_is_let_in(tmp_path: Path, worker: Worker) -> None:
    (tmp_path / ".shared-of a killed driver").touch()
    (tmp_path / ".shared-of a killed driver.host.1").touch()
    with Admission(tmp_path, Console(quiet=True)) as admission:
        with Admission(tmp_path, Console(quiet=True)) as another:
            another.admit(worker.hello(*another.question))
        admission.admit(worker.hello(*admission.question))
    assert not list(tmp_path.iterdir())


def test_others_are_not(tmp_path: Path, worker: Worker, capsys: pytest.CaptureFixture[str]) -> None:
    with Admission(tmp_path, Console(width=200)) as admission:
        hello = worker.hello(*admission.question)
        for other, message in (
            (replace(hello, askattend="0.0.9"), "runs askattend 0.0.9, but here it is"),
            (replace(hello, torch="1.13"), "runs torch 1.13, but here it is .*Install the same"),
            (replace(hello, refused="Read-only file system"), "cannot write to .*Read-only file"),
            (replace(hello, sees=False), "does not see .* as this host does.*all hosts share"),
        ):
            with pytest.raises(ConfigError, match=rf"^host {other.host}: {message}"):
                admission.admit(other)
        admission.admit(replace(hello, processor="riscv64"))
        assert "computes by riscv64" in capsys.readouterr().out
    # A copy of the folder, as a host without the common disk has it.
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    with Admission(tmp_path / "here", Console(quiet=True)) as admission:
        _, token = admission.question
        (tmp_path / "there" / token).touch()
        with pytest.raises(ConfigError, match="does not see"):
            admission.admit(worker.hello(str(tmp_path / "there"), token))


def test_files_that_one_host_alone_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.tar"):
        Path(name).write_bytes(b"1234")
    items = [absolute_place(Place("a.png")), absolute_place(Place("b.tar", start=1, size=2))]
    tar = str(tmp_path / "b.tar")
    assert archive_sizes(items) == {tar: 4}
    assert first_unseen(items, {tar: 4}) is None
    assert first_unseen(items, {tar: 9}) == Unseen(tar, size=4)
    Path("a.png").unlink()
    assert first_unseen(items, {}) == Unseen(str(tmp_path / "a.png"))
    assert first_unseen([Place("memory://nowhere/m.png")], {}) == Unseen("memory://nowhere/m.png")
    assert absolute_place(Place("memory://x.png")) == Place("memory://x.png")
    with pytest.raises(DataError, match="nothing://x: cannot be read"):
        first_unseen([Place("nothing://x")], {})


def test_a_file_that_no_host_sees_makes_a_broken_image(tmp_path: Path) -> None:
    with Admission(tmp_path, Console(quiet=True)) as admission:
        admission.require_gone(Unseen(str(tmp_path / "gone.png")), "host h")
        (tmp_path / "cut.tar").write_bytes(b"12345")
        message = r"^host h: sees 3 bytes of what is .*cut.tar, larger or smaller here"
        with pytest.raises(ConfigError, match=message):
            admission.require_gone(Unseen(str(tmp_path / "cut.tar"), size=3), "host h")


def test_what_the_disk_of_a_worker_refuses_is_told(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", str(tmp_path / "x"))

    monkeypatch.setattr(Path, "touch", refuse)
    (tmp_path / "token").write_bytes(b"")
    hello = worker.hello(str(tmp_path), "token")
    assert (hello.sees, hello.refused) == (True, "Permission denied")

    class Setup:
        opened = refuse

    reply = worker.begin(Setup())
    assert isinstance(reply, Refused)
    message = rf"^{tmp_path / 'x'} \(on host h\): cannot be read or written \(Permission denied\)"
    with pytest.raises(AskAttendError, match=message):
        raise reply.error("host h")
