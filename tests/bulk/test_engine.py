"""The local engine: flat in memory, and several at once in one folder."""

from __future__ import annotations

import io
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from askattend import Predictor
from askattend.bulk.answering import ShardAnswerer
from askattend.bulk.engine import BulkConfig, answer_parts, make_plan
from askattend.bulk.items import Asked, Item, Items
from askattend.bulk.parts import Parts
from askattend.bulk.plan import Plan, settle_plan
from askattend.bulk.regions import Looked
from askattend.features.image_places import Place
from askattend.runs.answerer import Answerer
from askattend.runs.run_folder import Run
from commands import Call, train_command
from small_networks import untrained_run


class MadeRegions:
    """Regions that follow from an image's name."""

    def batches(self, items: Sequence[Item], size: int) -> Iterator[Looked]:
        for at in range(0, len(items), size):
            batch = items[at : at + size]
            regions = [torch.full((4, 6), float(item.image) % 7) for item in batch]
            yield Looked(batch, torch.stack(regions), ["" for _ in batch])


@pytest.fixture
def answerer(tmp_path: Path) -> Answerer:
    untrained_run(tmp_path / "run")
    run = Run.load(tmp_path / "run")
    return Answerer(run, run.load_model())


def test_memory_does_not_grow_with_the_images(answerer: Answerer, tmp_path: Path) -> None:
    common = (Asked("what is it"),)
    shards = ShardAnswerer(answerer, MadeRegions(), common, 250, 2, attention=False)
    peaks = []
    for images in (500, 5000):
        tracemalloc.start()
        with Items.write((Item(str(number)) for number in range(images)), 250) as items:
            parts = Parts(tmp_path, plan=str(images), format="jsonl", attention=False)
            for number in range(items.parts):
                own = items.part(number)
                with parts.claim(number, wait=False) as claimed:
                    assert claimed
                    status = parts.write(number, shards.rows(own, {}), images=250, broken={})
                    assert status.rows == 250
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 16 bytes of an image and its hash, sorted once.
    assert peaks[1] - peaks[0] < 4500 * 60


def test_a_claimed_shard_is_nobody_elses(tmp_path: Path) -> None:
    first, second = (Parts(tmp_path, plan="p", format="jsonl", attention=False) for _ in "ab")
    with first.claim(3, wait=False) as claimed:
        assert claimed
        with second.claim(3, wait=False) as other:
            assert not other
        with second.claim(4, wait=False) as other:
            assert other
    with second.claim(3, wait=False) as other:
        assert other


def test_two_at_once_share_the_work(trained: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    common, config = (Asked("is it red?"),), BulkConfig(shard_images=1, workers=0)
    images = [Item(f"{n}", Place.of(trained / f"square {n}.png")) for n in range(12)]
    with Items.write(images, 1) as first, Items.write(images, 1) as second:
        plan = make_plan(predictor, first, common, config, threads=1)

        def answer(items: Items, out: str) -> int:
            settle_plan(tmp_path / out, plan)
            arguments = (predictor, items, common, plan, tmp_path / out)
            return answer_parts(*arguments, workers=0, console=Console(quiet=True)).images

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(answer, (first, second), ("both", "both"))) == [12, 12]
        assert answer(first, "alone") == 12
    for file in sorted((tmp_path / "alone").glob("p*")):
        assert (tmp_path / "both" / file.name).read_bytes() == file.read_bytes()


def test_who_waits_for_a_shard_says_so(trained: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(trained / "runs" / "saaa")
    common, config = (Asked("is it red?"),), BulkConfig(shard_images=1, workers=0)
    with Items.write([Item("a", Place.of(trained / "square 1.png"))], 1) as items:
        plan = make_plan(predictor, items, common, config, threads=1)
        settle_plan(tmp_path, plan)
        other = Parts(tmp_path, plan=plan.digest, format="jsonl", attention=False)
        said = io.StringIO()
        with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
            assert stack.enter_context(other.claim(0, wait=False))
            arguments = (predictor, items, common, plan, tmp_path)
            console = Console(file=said, width=200)
            waiting = pool.submit(answer_parts, *arguments, workers=0, console=console)
            while "part-00000 is being written by another process; wait" not in said.getvalue():
                assert not waiting.done(), waiting.result()
                time.sleep(0.01)
            stack.close()
            assert waiting.result().images == 1


def test_a_network_that_reads_questions_alone_needs_no_image(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    run = tmp_path / "run"
    words = train_command("question-only", trained / "squares.csv", run, "--model.hidden-dim", 8)
    words = [w for w in words if w not in ("--model.attention-dim", "--extract.image-size")]
    words = [word for word in words if word != "64"]
    del words[words.index("16", words.index("16") + 1)]
    assert call(*words)[0] == 0
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.png").write_bytes(b"none")
    (tmp_path / "q.txt").write_text("is it red?")
    words = ["predict", str(run), "--images", str(tmp_path / "images")]
    status, out, err = call(*words, "--questions", tmp_path / "q.txt", "--out", tmp_path / "out")
    assert status == 0, err
    assert "1 questions of 1 images" in out
    assert "broken" not in err


def test_plans_differ_by_each_of_their_settings() -> None:
    values: dict[str, Any] = dict.fromkeys(Plan.__struct_fields__, "x")
    digests = {Plan(**values).digest}
    for name in values:
        digests.add(Plan(**{**values, name: "y"}).digest)
    assert len(digests) == len(values) + 1
