"""Requests of other sites' pages: refused by name and origin, and none of a proxy's."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.serving.sites import host_name, hosts_of
from serving.conftest import Start
from serving.test_app import problem

LOOPBACK = hosts_of("127.0.0.1", "127.0.0.1", (), has_token=False)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:7860", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:7860", "::1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("vqa.example.org", "vqa.example.org"),
        ("", ""),
    ],
)
def test_a_name_is_without_its_port(host: str, name: str) -> None:
    assert host_name(host) == name


def test_names_are_known_on_loopback_or_where_they_are_told() -> None:
    assert sorted(LOOPBACK or ()) == ["127.0.0.1", "localhost"]
    mine = hosts_of("127.0.1.1", "mine", (), has_token=False)
    assert sorted(mine or ()) == ["localhost", "mine"]
    assert hosts_of("127.0.0.1", "127.0.0.1", (), has_token=True) is None
    assert hosts_of("0.0.0.0", "0.0.0.0", (), has_token=False) is None
    for listening, token in (("127.0.0.1", True), ("0.0.0.0", False), ("::1", False)):
        named = hosts_of(listening, listening, ("VQA.example.org:443",), has_token=token)
        assert named is not None
        assert "vqa.example.org" in named


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7860", "127.0.0.1:7860", "[::1]:7860", "10.0.0.7", "127.0.0.9"]
)
def test_the_services_own_names_and_addresses_are_taken(start: Start, host: str) -> None:
    asked = start(hosts=LOOPBACK)
    for path in ("/", "/v1/runs", "/metrics"):
        assert asked.client.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.evil.example"],
)
def test_a_site_whose_name_points_here_is_refused(start: Start, trained: Path, host: str) -> None:
    asked = start(hosts=LOOPBACK)
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    image = (trained / "square 0.png").read_bytes()
    for response in (
        asked.client.post("/v1/images", headers=headers, content=image),
        asked.client.get("/v1/runs", headers=headers),
        asked.client.get("/", headers=headers),
    ):
        told = problem(response, 421)
        assert told["where"] == "Host"
        assert "--allowed-host" in told["remedy"]
    # What balances the load knows no name, and learns nothing.
    assert asked.client.get("/healthz", headers=headers).status_code == 200
    named = start(hosts=hosts_of("127.0.0.1", "127.0.0.1", (host,), has_token=False))
    assert named.client.get("/v1/runs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("sent", "named", "status"),
    [
        # nginx, unless told otherwise, asks the service by the address that it has for it.
        ({"Host": "127.0.0.1:7860", "Sec-Fetch-Site": "same-origin"}, (), 201),
        ({"Host": "127.0.0.1:7860", "Sec-Fetch-Site": "cross-site"}, (), 403),
        ({"Host": "127.0.0.1:7860"}, (), 403),
        # Caddy, Traefik and `proxy_set_header Host $host` pass the name on.
        ({"Host": "vqa.example.org"}, ("vqa.example.org",), 201),
        ({"Host": "vqa.example.org"}, (), 421),
    ],
)
def test_the_page_behind_a_proxy_may_ask(
    start: Start, trained: Path, sent: dict[str, str], named: tuple[str, ...], status: int
) -> None:
    asked = start(hosts=hosts_of("127.0.0.1", "127.0.0.1", named, has_token=False))
    headers = {"Origin": "https://vqa.example.org", **sent}
    image = (trained / "square 0.png").read_bytes()
    assert asked.client.post("/v1/images", headers=headers, content=image).status_code == status


def test_with_a_token_every_name_will_do(start: Start) -> None:
    asked = start(token="s3cret", hosts=hosts_of("127.0.0.1", "127.0.0.1", (), has_token=True))
    headers = {"Host": "vqa.example.org", "Authorization": "Bearer s3cret"}
    assert asked.client.get("/v1/runs", headers=headers).status_code == 200
