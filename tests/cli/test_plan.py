"""`askattend plan`: the page's example, sums by hand, and mistakes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from commands import Call

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"


def test_the_page_shows_what_the_command_prints(call: Call) -> None:
    page = PAGE.read_text(encoding="utf-8").split("## A plan before the work")[1]
    shown = re.findall(r"```\n\$ askattend ([^\n]*)\n(.*?)```", page, re.DOTALL)
    assert shown
    for command, output in shown:
        assert call(*shlex.split(command)) == (0, output, "")


def test_bytes_and_money_are_sums_by_hand(call: Call) -> None:
    words = "plan --images 1M --questions-per-image 5 --hosts 4 --gpus-per-host 2 --store --json"
    prices = "--price-gpu-hour 2 --price-gb-month 0.1 --months 3 --price-host-hour 1 --startup 0"
    status, out, _ = call(*words.split(), *prices.split())
    assert status == 0
    plan = json.loads(out)
    # 7 × 7 regions of 1280 numbers at 224 px; 8 bits have two float32 a region besides.
    assert plan["features_bytes"] == {
        "float16": 1e6 * 49 * 1280 * 2,
        "float32": 1e6 * 49 * 1280 * 4,
        "int8": 1e6 * 49 * (1280 + 8),
    }
    assert plan["stored_bytes"] == plan["features_bytes"]["float16"]
    assert plan["results_bytes"] == 5e6 * 100
    assert plan["read_bytes"] == 1e6 * 157e3
    # 32 cores of each of 4 hosts at 44.1 images a second and core; then little is left to wait for.
    assert plan["hours"] == pytest.approx(1e6 / (4 * 32 * 44.1) / 3600, rel=0.01)
    assert plan["gpu_hours"] == pytest.approx(8 * plan["hours"])
    on_disk = (plan["stored_bytes"] + plan["results_bytes"]) / 1e9 * 0.1 * 3
    money = {"gpus": 2 * plan["gpu_hours"], "hosts": 4 * plan["hours"], "disk": on_disk}
    assert plan["money"] == pytest.approx(money)
    assert plan["phases"][0]["bottleneck"] == "decode"


def test_doubling_the_bottleneck_moves_it(call: Call) -> None:
    rates = "--decode-rate 100 --backbone-rate 300 --answer-rate 1e6 --write-rate 1T --read-rate 1T"
    words = ["plan", "--images", "10M", "--cores", "1", *rates.split(), "--json"]
    _, out, _ = call(*words)
    phase = json.loads(out)["phases"][0]
    assert (phase["bottleneck"], phase["moves_to"]) == ("decode", "backbone")
    # With the network on the same GPU: 1 / (1/300 + 1/1e6) images a second, beside 100.
    assert phase["moves_at"] == pytest.approx(3, rel=0.01)
    assert phase["doubled_seconds"] == pytest.approx(phase["seconds"] / 2, rel=0.01)
    _, out, _ = call(*words[:-1], "--decode-rate", "400", "--json")
    assert json.loads(out)["phases"][0]["bottleneck"] == "backbone"


def test_without_a_gpu_a_core_does_one_thing_at_a_time(call: Call) -> None:
    rates = ["--decode-rate", "100", "--backbone-rate", "50", "--answer-rate", "1e6"]
    words = ["plan", "--images", "1M", "--gpu", "none", "--cores", "2", *rates, "--json"]
    _, out, _ = call(*words)
    expected = 1e6 * (1 / 100 + 1 / 50 + 1e-6) / 2 / 3600
    assert json.loads(out)["hours"] == pytest.approx(expected, rel=0.01)


def test_training_reads_features_every_epoch(call: Call) -> None:
    words = "plan --images 1M --questions-per-image 5 --work train --epochs 3 --json --startup 0"
    plan = json.loads(call(*words.split())[1])
    extract, train = plan["phases"]
    assert (extract["name"], train["name"]) == ("extract", "train")
    assert plan["read_bytes"] == 1e6 * 157e3 + 3 * plan["features_bytes"]["float16"]
    # 125,440 bytes an image over 1.25 GB/s.
    assert train["seconds"] == pytest.approx(3 * 1e6 * 125_440 / 1.25e9, rel=0.01)
    assert train["bottleneck"] == "read"


def test_more_hosts_cores_and_quicker_steps_are_never_slower(call: Call) -> None:
    def hours(*more: str) -> float:
        found = call("plan", "--images", "30M", "--json", "--startup", "0", *more)[1]
        return float(json.loads(found)["hours"])

    before = hours()
    for more in ("--hosts 2", "--cores 20", "--decode-rate 50", "--gpus-per-host 2"):
        assert hours(*more.split()) < before
    for more in ("--write-rate 1G", "--backbone-rate 9000", "--questions-per-image 0"):
        assert hours(*more.split()) <= before


@pytest.mark.parametrize("work", ["predict", "extract", "train"])
@pytest.mark.parametrize("images", ["1", "7", "3000", "1e15"])
def test_any_number_of_images_has_a_plan(images: str, work: str, call: Call) -> None:
    status, out, err = call("plan", "--images", images, "--work", work)
    assert (status, err) == (0, "")
    assert f"{work}: {float(images):,.0f} image" in out


@pytest.mark.parametrize("more", ["--shard-images 1e12", "--questions-per-image 1e-300"])
def test_absurd_numbers_have_a_plan_of_usual_width(more: str, call: Call) -> None:
    status, out, err = call("plan", "--images", "1e6", *more.split())
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) < 150


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "missing: --images NUMBER"),
        ("--images many", "--images many: not a number. Write 100e6"),
        ("--images nan", "--images nan: not a number"),
        ("--images 0", "--images 0: must be at least 1"),
        ("--images 5 --hosts 0", "--hosts 0: must be at least 1"),
        ("--images 5 --hosts 1.5", "--hosts 1.5: must be a whole number"),
        ("--images 5 --gpu h10", "--gpu h10: no rates of 'h10' are known. Did you mean 'h100'?"),
        ("--images 5 --gpu tpu", "Choose from: h100, none."),
        ("--images 5 --gpu none", "the rate of 'decode' is not known. Give --decode-rate"),
        ("--images 5 --image-size 100000", "too large for a backbone. At most 8192."),
        ("--images 5 --image-size 225", "must be a multiple of 32"),
        ("--images 5 --backbone hf:x/y", "Give it as --grid 14x14x2048"),
        ("--images 5 --backbone hf:x/y --grid 14x14x2048", "Give --backbone-rate"),
        ("--images 5 --grid 14x14", "--grid 14x14: not a grid"),
        ("--images 5 --grid 0x7x9", "--grid 0x7x9: not a grid"),
        ("--images 5 --work extract --no-store", "--no-store: extract stores features"),
        ("--images 5 --cores 1 --gpus-per-host 2", "fewer cores than GPUs"),
        ("--images 5 --decode-rate 0", "--decode-rate 0: must be at least"),
        ("--images 5 --price-gpu-hour=-1", "--price-gpu-hour -1: must be at least 0"),
    ],
)
def test_mistakes_say_what_to_do(words: str, told: str, call: Call) -> None:
    status, out, err = call("plan", *words.split())
    assert (status, out) == (2, "")
    assert told in err


def test_another_backbone_is_planned_with_its_rate(call: Call) -> None:
    words = "plan --images 5M --backbone hf:x/y --grid 14x14x2048 --image-size 448 --json"
    status, out, _ = call(*words.split(), "--backbone-rate", "200")
    assert status == 0
    assert json.loads(out)["phases"][0]["bottleneck"] == "backbone"
