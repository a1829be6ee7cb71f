"""The hub that huggingface-hub asks while a test runs."""

from __future__ import annotations

from pathlib import Path

import pytest


def point_to(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let huggingface-hub, and all that use it, ask the hub at an address; caches are a test's."""
    from huggingface_hub import constants, file_download

    monkeypatch.setenv("ASKATTEND_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_test")
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    if hasattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE"):  # of old, by a name of its own
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between what it tries again
