"""Addresses that are none, or do not answer; and a machine without Ray."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from askattend.cluster import session
from askattend.cluster.config import ClusterConfig
from askattend.cluster.session import require_cluster
from askattend.errors import ConfigError
from commands import Call

pytestmark = pytest.mark.xdist_group("ray")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere", "nowhere: is no address of a Ray cluster. Write HOST:PORT"),
        ("ray://host:10001", "is no address of a Ray cluster"),
        ("host:²", "is no address of a Ray cluster"),
        (f"host:{'9' * 5000}", "is no address of a Ray cluster"),
        (f"{'a' * 64}:80", "does not answer"),
        ("127.0.0.1:99999", "does not answer"),
        ("127.0.0.1:1", "127.0.0.1:1: does not answer .*refused.*Check the address"),
    ],
)
def test_addresses_that_are_none(address: str, message: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match=message):
        require_cluster(ClusterConfig(engine="ray", address=address))


def test_whoever_listens_without_a_word_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(session, "_ANSWERS_WITHIN", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(ConfigError, match="does not answer as a Ray cluster does, within 1 s"):
            require_cluster(ClusterConfig(engine="ray", address=address))


@pytest.mark.parametrize("command", ["predict", "extract"])
def test_without_ray_its_installation_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words: list[Any] = [command, tmp_path, "--out", tmp_path / "out", "--engine", "ray"]
    words += ["--images", tmp_path] if command == "predict" else []
    status, _, err = call(*words)
    assert status == 2
    assert "the engine ray needs Ray, which is not installed" in err
    assert "pip install" in err
    assert not (tmp_path / "out").exists()


def test_a_cluster_is_of_its_engine(tmp_path: Path, call: Call) -> None:
    status, _, err = call("extract", tmp_path, "--out", tmp_path / "out", "--address", "auto")
    assert status == 2
    assert "--address: is of a cluster. Add --engine ray" in err
    assert ClusterConfig() == ClusterConfig(engine="local", wait=60)


def test_other_versions_and_tokens_are_told_in_few_words() -> None:
    error = RuntimeError("Version mismatch: The cluster was started with:\n Ray: 2.1\n Python: 3.9")
    told = str(session._not_joined("h:1", error))
    assert told.startswith("h:1: is of other versions (Version mismatch: The cluster was started")
    assert told.endswith("Install the same Ray and Python on every host.")
    told = str(session._not_joined("h:1", RuntimeError("RPC error: InvalidAuthToken: …")))
    assert told.startswith("h:1: the cluster wants a token. Copy ~/.ray/auth_token")
