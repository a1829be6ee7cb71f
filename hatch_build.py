"""Put the commit that a wheel is built from into it, since a wheel has no git to ask."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface[Any]):
    """Adds ``askattend/commit.txt`` to a wheel that is built in a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Ask git; without it, or outside a checkout, the wheel tells no commit."""
        if version == "editable" or not (Path(self.root) / ".git").exists():
            return
        command = ["git", "-C", self.root, "rev-parse", "HEAD"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "commit.txt"
        file.write_text(done.stdout, encoding="ascii")
        build_data["force_include"][str(file)] = "askattend/commit.txt"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the file again."""
        if hasattr(self, "folder"):
            self.folder.cleanup()
