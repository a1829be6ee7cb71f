"""The list of a run's evaluations: each is told from the others."""

from __future__ import annotations

from pathlib import Path

import msgspec

from askattend.evaluation.evaluate import Metrics
from askattend.report.details import portable
from askattend.report.index import write_index
from report.pages import METRICS


def save(run: Path, name: str, **changes: object) -> None:
    metrics: Metrics = msgspec.structs.replace(METRICS, **changes)
    folder = run / "evaluations" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_bytes(msgspec.json.encode(metrics.flat()))


def test_protocols_and_recipes_are_told_apart(own: Path) -> None:
    run = own / "runs" / "saaa"
    sources = {
        "daquar:/d,answers=single": "daquar (single answers)",
        "daquar:/d": "daquar (all answers)",
        "daquar:/d,answers=single,split=random": "daquar (single answers, random split)",
        "scenes:seed=3": "scenes (seed=3)",
        "scenes": "scenes",
    }
    for number, source in enumerate(sources):
        save(run, f"{number}-test", source=source, questions=100)
    write_index(run)
    text = (run / "report.html").read_text(encoding="utf-8")
    for number, (source, name) in enumerate(sources.items()):
        assert f'<a href="evaluations/{number}-test/report.html" dir="auto">{name}</a>' in text
        shown = portable(source).replace(",", ",<wbr>")  # nobody's folders
        assert (f'dir="auto">{shown}</span>' in text) == (source != name)
    # On a narrow screen each cell says what it is.
    assert text.count('data-name="Questions"') == len(sources)
