"""``askattend trace``: of random data, and of a trained run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from askattend import Predictor
from commands import Call


@pytest.mark.parametrize("network", ["saaa", "san"])
def test_trace_of_a_trained_run(trained: Path, call: Call, network: str) -> None:
    folder, image = trained / "runs" / network, trained / "square 0.png"
    asked = ("--run", folder, "--image", image, "--question", "is it red?")
    status, out, _ = call("trace", *asked, "--json")
    assert status == 0
    trace = json.loads(out)
    keys = {"symbol", "equation", "name", "shape", "paper_shape", "dtype"}
    assert all(keys <= step.keys() for step in trace["steps"])
    assert all(step.get("sums_to_one", True) for step in trace["steps"])
    predictor = Predictor.load(folder, precision="float32")  # as a trace is
    answer = predictor.look(image).ask("is it red?")
    assert (trace["answer"], trace["probability"]) == (
        answer.text,
        pytest.approx(answer.probability),
    )
    maps = [rows for step in trace["steps"] for rows in step.get("maps", [])]
    assert np.allclose(maps, answer.attention, atol=1e-6)
    ranked = [(one["answer"], one["probability"]) for one in trace["top"]]
    assert [text for text, _ in ranked] == [text for text, _ in answer.top]
    assert ranked[0] == (trace["answer"], trace["probability"])
    status, out, err = call("trace", network, *asked)
    assert (status, out.count("each map sums to 1: yes")) == (0, 1 if network == "saaa" else 2)
    assert out.count(" 0% to █ ") == 2
    assert f"question: is it red?\nanswers: {answer.text} {answer.probability:.1%}, " in out
    assert err == ""


def test_trace_tells_words_that_were_never_seen(trained: Path, call: Call) -> None:
    folder, image = trained / "runs" / "saaa", trained / "square 0.png"
    question = "zebra is it red quux?"
    asked = ("--run", folder, "--image", image, f"--question={question}")
    words = Predictor.load(folder).run.words
    status, out, err = call("trace", *asked)
    assert (status, err) == (0, "note: the model never saw: zebra, quux\n")
    assert call("ask", folder, image, question)[2] == err
    red = words.encode("red")[0]
    assert f"words: 1 zebra (never seen), {words.encode('is')[0]} is, " in out
    assert f", {red} red, 1 quux (never seen)\n" in out
    _, out, err = call("trace", *asked, "--json")
    trace = json.loads(out)
    assert trace["notes"] == ["the model never saw: zebra, quux"]
    (tokens,) = (step for step in trace["steps"] if step["name"] == "tokens")
    assert tokens["words"][3] == {"word": "red", "index": red, "seen": True}
    assert tokens["words"][4] == {"word": "quux", "index": 1, "seen": False}


def test_trace_of_random_data(call: Call) -> None:
    sizes: list[object] = ["--batch-size", 2, "--tokens", 9, "--max-length", 3, "--answers", 4]
    sizes += ["--region-dim", 5, "--grid", 2]
    status, out, _ = call("trace", "saaa", *sizes, "--model.glimpses", 3, "--json")
    shapes = {step["name"]: step["paper_shape"] for step in json.loads(out)["steps"]}
    assert (status, shapes["scores"], shapes["logits"]) == (0, [2, 3, 2, 2], [2, 4])
    assert call("trace", "san", *sizes)[1].startswith("SAN, step by step")
    assert "askattend trace NETWORK" in call("trace", "--help")[1]
    assert "askattend trace NETWORK --help" in call("trace", "--help")[1]
    assert "• san " in call("trace", "--help")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sann",), "unknown network 'sann'. Did you mean 'san'?"),
        (("saaa", "--grid", "0"), "grid = 0: expected int >= 1"),
        (("SAAA",), "unknown network 'SAAA'. Did you mean 'saaa'?"),
        (
            ("runs/tiny",),
            "'runs/tiny' is no network. Of a run: askattend trace --run runs/tiny --image FILE",
        ),
        (
            ("saaa", "--run", "x"),
            "both a network (saaa) and a run (x) are named, and no image. For random data leave "
            "out --run; for the run: askattend trace --run RUN --image FILE --question TEXT.",
        ),
        (
            ("--run", "x", "--image", "y", "--question", "a", "--question=b"),
            "--question: given 2 times. A trace is of one question",
        ),
        (("saaa", "--batch-size", 10**9), "not enough memory for these sizes"),
        (("--run", "x"), "no image named. Give --run RUN --image FILE --question TEXT"),
        (("--run", "x", "--image", "y", "--question", "z"), "x: no such folder"),
    ],
)
def test_mistakes_in_trace(call: Call, arguments: tuple[object, ...], message: str) -> None:
    status, _, err = call("trace", *arguments)
    assert (status, message in err) == (2, True)


def test_a_network_named_beside_a_run_must_be_the_runs(
    run: Path, trained: Path, call: Call
) -> None:
    question = ("--run", run, "--image", trained / "square 0.png", "--question", "is it red?")
    for network in ("san", "question-only"):
        status, _, err = call("trace", network, *question)
        assert (status, f"the run's network is SAAA, not {network.upper()}" in err) == (2, True)
    status, _, err = call("trace", "sann", *question)
    assert (status, "unknown network 'sann'. Did you mean 'san'?" in err) == (2, True)
