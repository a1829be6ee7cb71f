"""What docs/serving.md shows and lists is so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import Metric

from askattend.serving.metrics import Metrics
from askattend.serving.middleware import IMAGE, ROUTES
from askattend.serving.schemas import Questions
from commands import Call
from serving.services import serving

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def snippet(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return "".join(found)


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_the_commands_work(run: Path, trained: Path, tmp_path: Path) -> None:
    shutil.copy(trained / "square 0.png", tmp_path / "photo.jpg")
    lines = snippet("sh").splitlines()
    # Each command by itself, so that it is known which failed.
    shown = [f"{line}; echo" if line.startswith(("curl", "printf")) else line for line in lines]
    with serving(tmp_path, run) as process:
        script = f"set -eo pipefail\nURL={process.url}\nIMAGE=photo.jpg\n" + "\n".join(shown)
        script = script.replace("curl -s", "curl -sf").replace("; echo", " && echo")
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        code = snippet("python").replace("http://127.0.0.1:7860", process.url)
        code = code.replace("photo.jpg", str(tmp_path / "photo.jpg"))
        exec(compile(code, "docs/serving.md", "exec"), {})
    assert json.loads(done.stdout.splitlines()[0])["runs"][0]["id"] == "saaa"


def test_every_route_has_a_command() -> None:
    asked = {
        re.sub(r"/v1/images/\$ID", IMAGE, path) for path in re.findall(r"\$URL(\S+)", snippet("sh"))
    }
    assert asked == set(ROUTES)


def test_every_option_field_and_metric_is_named(call: Call) -> None:
    status, out, _ = call("serve", "--help")
    assert status == 0
    options = set(re.findall(r"--[a-z][a-z-]+", out)) - {"--help"}
    # Of a switch its name, or that with no- before it, which says what it does where it is on.
    options = {option.replace("--no-", "--") for option in options}
    assert len(options) >= 17
    page = PAGE.replace("--no-", "--")
    missing = {option for option in options if option not in page}
    assert not missing
    assert not {name for name in Questions.model_fields if f"`{name}`" not in PAGE}
    metrics = Metrics()
    metrics.watch(images=lambda: 0, waiting=lambda: 0)
    families: list[Metric] = list(metrics.registry.collect())
    assert not {each.name for each in families if each.name not in PAGE}
