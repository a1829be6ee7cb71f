"""The routes, and the limits that each request is held to."""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from askattend.drawing.overlay import fit_long_side, tinted_map
from askattend.runs.predictor import Predictor
from askattend.serving import bodies
from askattend.serving.app import make_app
from askattend.serving.jobs import Call
from askattend.serving.problems import MOST_JSON
from askattend.serving.runs import ServedRun
from askattend.serving.schemas import Options, Questions, TraceQuestion
from askattend.serving.service import DECODERS, Service
from askattend.serving.settings import ServingLimits
from askattend.tracing.trained_run import trace_run
from serving.conftest import Asked, Start, wait_until
from serving.test_images import png_header

# Half of a character, which JSON can hold and UTF-8 cannot: in a question, a run's name, a field's.
HALVES = (
    '{"question": "\\ud800"}',
    '{"question": "is it red \\ud800?"}',
    '{"questions": ["is it red?", "is it \\udfff?"]}',
    '{"question": "is it red?", "run": "\\ud800"}',
    '{"question": "is it red?", "\\ud800": 1}',
)


@pytest.fixture
def file(trained: Path) -> Path:
    return trained / "square 3.png"


def problem(response: Any, status: int) -> Any:
    """A response's problem, once all of it is as RFC 9457 and the description have it."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    told = response.json()
    assert set(told) == {"type", "title", "status", "detail", "where", "remedy", "request_id"}
    assert (told["status"], told["request_id"]) == (status, response.headers["X-Request-Id"])
    assert ("Retry-After" in response.headers) == (status in (429, 503))
    return told


def test_an_image_is_uploaded_asked_about_and_forgotten(
    asked: Asked, file: Path, served: list[ServedRun]
) -> None:
    uploaded = asked.client.post("/v1/images", content=file.read_bytes()).json()
    assert (uploaded["width"], uploaded["height"]) == (48, 40)
    assert uploaded["expires_in"] == 3600
    body = asked.ask(uploaded["id"], "is it red?", "is it a zebra?", attention="array", words=True)
    assert (body["run"], body["seen"]) == ("saaa", [0, 0, 1, 1])
    scene = served[0].predictor.look(file)
    for question, sent in zip(("is it red?", "is it a zebra?"), body["answers"], strict=True):
        answer = scene.ask(question)
        assert (sent["question"], sent["answer"]) == (question, answer.text)
        assert sent["probability"] == pytest.approx(answer.probability, abs=1e-3)
        assert [each["answer"] for each in sent["top"]] == [text for text, _ in answer.top]
        assert sent["unknown_words"] == list(answer.unknown_words)
        assert sent["notes"] == served[0].predictor.notes(question)
        maps = np.array(sent["attention"]["values"])
        assert maps == pytest.approx(answer.attention.numpy(), abs=1e-3)
        for each, peak in zip(maps, sent["attention"]["peaks"], strict=True):
            assert each[peak["row"], peak["column"]] == peak["value"] == each.max()
        assert sent["attention"]["uniform"] == 0.25
        assert len(sent["attention"]["descriptions"]) == len(maps)
        spans = [question[word["start"] : word["end"]] for word in sent["words"]]
        assert spans == [word["text"] for word in sent["words"]]
        assert len(spans) == len(question.split())
    path = f"/v1/images/{uploaded['id']}"
    assert asked.client.delete(path).status_code == 204
    for response in (
        asked.client.delete(path),
        asked.client.post(f"{path}/ask", json={"question": "is it red?"}),
        asked.client.post(f"{path}/trace", json={"question": "is it red?"}),
    ):
        assert problem(response, 404)["remedy"] == "Upload it again."


def test_another_run_is_asked_by_its_id(asked: Asked, file: Path, served: list[ServedRun]) -> None:
    told = asked.client.get("/v1/runs").json()
    assert told["images_expire_in"] == asked.service.limits.cache_seconds
    runs = told["runs"]
    assert [(run["id"], run["network"], run["maps_name"]) for run in runs] == [
        ("saaa", "SAAA", "glimpse"),
        ("san", "SAN", "hop"),
    ]
    for run, each in zip(runs, served, strict=True):
        assert run["suggestions"] == list(each.predictor.run.suggestions) != []
        assert (run["maps"], run["rows"], run["columns"]) == (2, 2, 2)
        # The folder that the table lies in is nobody's business.
        assert run["data"] == "table:squares.csv"
        summary = json.loads((each.predictor.run.folder / "metrics.json").read_bytes())
        assert run["questions"] == summary["data"]["train"]["questions"] > 0
    body = asked.ask(asked.upload(file), "is it red?", run="san", attention="array")
    assert body["answers"][0]["attention"]["maps_name"] == "hop"
    answer = served[1].predictor.look(file).ask("is it red?")
    assert body["answers"][0]["probability"] == pytest.approx(answer.probability, abs=1e-3)


def test_maps_come_as_pictures_over_the_image(asked: Asked, file: Path) -> None:
    body = asked.ask(asked.upload(file), "is it red?", attention="png")
    attention = body["answers"][0]["attention"]
    assert attention["values"] is None
    drawn = [Image.open(BytesIO(base64.b64decode(each))) for each in attention["png"]]
    assert [each.size for each in drawn] == [(420, 350)] * 2
    # Of four regions eight times an even share would be tinted strongest, as on the page.
    assert attention["strongest"] == 8
    photo = fit_long_side(Image.open(file), 420)
    maps = asked.ask(asked.upload(file), "is it red?", attention="array")["answers"][0]
    for picture, values in zip(drawn, maps["attention"]["values"], strict=True):
        expected = tinted_map(photo, torch.tensor(values), photo.size)
        assert abs(np.asarray(picture, int) - np.asarray(expected, int)).max() <= 2
    assert asked.ask(asked.upload(file), "red")["answers"][0]["attention"] is None


def test_edited_maps_change_the_answer(asked: Asked, file: Path, served: list[ServedRun]) -> None:
    edited = [[[0, 0], [0, 2]], None]
    body = asked.ask(asked.upload(file), "is it red?", edited_attention=edited, attention="array")
    answer = served[0].predictor.look(file).ask("is it red?", edited=edited)
    (sent,) = body["answers"]
    assert sent["attention"]["values"][0] == [[0, 0], [0, 1]]
    assert sent["probability"] == pytest.approx(answer.probability, abs=1e-3)
    response = asked.client.post(
        f"/v1/images/{asked.upload(file)}/ask",
        json={"question": "red", "edited_attention": [[[1]]]},
    )
    assert problem(response, 422)["where"] == "edited attention, map 1"


def test_a_trace_is_what_the_command_tells(asked: Asked, file: Path, run: Path) -> None:
    response = asked.client.post(
        f"/v1/images/{asked.upload(file)}/trace", json={"question": "is it red?"}
    )
    assert response.status_code == 200, response.text
    told, expected = response.json(), trace_run(run, file, "is it red?")
    assert [step["name"] for step in told["steps"]] == [step.name for step in expected.steps]
    assert [step["shape"] for step in told["steps"]] == [step.shape for step in expected.steps]
    assert told["probability"] == pytest.approx(expected.probability, abs=1e-3)


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_one_call_does_it_all_and_keeps_nothing(asked: Asked, file: Path, form: str) -> None:
    content, questions = file.read_bytes(), ["is it red?", "What colour is it?"]
    if form == "json":
        image = base64.b64encode(content).decode()
        sent: dict[str, Any] = {"json": {"image": image, "questions": questions, "run": "san"}}
    else:
        data = {"question": questions, "options": '{"run": "san"}'}
        sent = {"files": {"image": ("../../etc/passwd", content)}, "data": data}
    response = asked.client.post("/v1/ask", **sent)
    assert response.status_code == 200, response.text
    kept = asked.ask(asked.upload(file), *questions, run="san")
    assert response.json()["answers"] == kept["answers"]
    assert len(asked.service.images) == 1


def test_health_says_alive_and_ready(asked: Asked) -> None:
    assert asked.client.get("/healthz").json() == {"status": "ok"}
    assert asked.client.get("/readyz").json() == {"status": "ready"}


def test_before_the_first_answer_and_after_the_signal_work_is_refused(
    served: list[ServedRun], file: Path
) -> None:
    service = Service(served, ServingLimits())
    client = TestClient(make_app(service), raise_server_exceptions=False)  # its life never begins
    for path in ("/readyz", "/v1/runs"):
        problem(client.get(path), 503)
    with client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        service.stopping = True
        assert problem(client.get("/readyz"), 503)["detail"] == "the service is stopping"
        problem(client.post("/v1/images", content=file.read_bytes()), 503)
        assert client.get("/healthz").status_code == 200
        assert client.get("/").status_code == 200


def test_a_first_question_that_fails_is_told(
    served: list[ServedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("askattend.serving.service.warm_up", None)
    with TestClient(make_app(Service(served, ServingLimits()))) as client:
        wait_until(lambda: client.get("/healthz").status_code == 503)
        assert problem(client.get("/readyz"), 503)["detail"] == "its first question failed"


def test_a_stuck_worker_fails_health_and_requests_within_their_deadline(
    start: Start, file: Path
) -> None:
    asked = start(timeout=0.5)
    image_id = asked.upload(file)
    release = asked.hold()
    path, question = f"/v1/images/{image_id}/ask", {"question": "is it red?"}
    assert "within 0.5 s" in problem(asked.client.post(path, json=question), 503)["detail"]
    wait_until(lambda: asked.client.get("/healthz").status_code == 503)
    assert "same work" in problem(asked.client.get("/readyz"), 503)["detail"]
    problem(asked.client.post(path, json=question), 503)
    release.set()
    wait_until(lambda: asked.client.get("/healthz").status_code == 200)
    assert asked.ask(image_id, "is it red?")["answers"]


def test_a_dead_worker_fails_health_and_requests(start: Start, file: Path) -> None:
    asked = start()
    image_id = asked.upload(file)

    def die() -> None:
        raise SystemExit

    asked.service.worker.submit(Call(die))
    wait_until(lambda: asked.client.get("/healthz").status_code == 503)
    for response in (
        asked.client.get("/healthz"),
        asked.client.post(f"/v1/images/{image_id}/ask", json={"question": "red"}),
    ):
        assert "has ended" in problem(response, 503)["detail"]


def test_requests_beyond_the_queue_are_told_to_come_back(start: Start, file: Path) -> None:
    asked = start(queue=2)
    image_id = asked.upload(file)
    release = asked.hold()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(asked.ask, image_id, "is it red?") for _ in range(2)]
        wait_until(lambda: asked.service.at_work == 2)
        refused = asked.client.post(f"/v1/images/{image_id}/ask", json={"question": "red"})
        assert "2 requests" in problem(refused, 429)["detail"]
        assert asked.client.get("/readyz").status_code == 200
        release.set()
        assert all(each.result(timeout=30)["answers"] for each in waiting)
    assert asked.service.at_work == 0


def test_too_many_bytes_are_refused_whether_announced_or_not(start: Start, file: Path) -> None:
    content = file.read_bytes()
    asked = start(max_image_bytes=len(content))
    assert asked.upload(file)
    larger = content + b"\0"
    encoded = base64.b64encode(larger).decode()
    for response in (
        asked.client.post("/v1/images", content=larger),
        asked.client.post("/v1/images", content=iter([larger[:50], larger[50:]])),
        asked.client.post("/v1/ask", json={"image": encoded, "question": "red"}),
        asked.client.post("/v1/ask", files={"image": larger}, data={"question": "red"}),
        asked.client.post("/v1/images/x/ask", content=b" " * (MOST_JSON + 1)),
        asked.client.post("/v1/images/x/ask", content=iter([b" " * MOST_JSON] * 2)),
    ):
        problem(response, 413)


def test_too_many_pixels_are_refused(start: Start, file: Path) -> None:
    asked = start(max_pixels=48 * 40)
    assert asked.upload(file)
    problem(asked.client.post("/v1/images", content=png_header(48, 41)), 413)


@pytest.mark.parametrize("content_type", ["text/plain", "image/tiff", "image/svg+xml", "a" * 300])
def test_other_types_of_body_are_refused(asked: Asked, file: Path, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    content = file.read_bytes()
    for path in ("/v1/images", "/v1/ask", "/v1/images/x/ask", "/v1/images/x/trace"):
        problem(asked.client.post(path, content=content, headers=headers), 415)
    problem(asked.client.post("/v1/images", content=b"hello"), 415)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "questions"),
        ({"questions": []}, "questions"),
        ({"question": "red", "questions": ["red"]}, "questions"),
        ({"questions": ["red"] * 4}, "questions"),
        ({"questions": ["red", "r" * 21]}, "questions.1"),
        ({"questions": ["red", ""]}, "questions.1"),
        ({"question": "", "words": True}, "question"),
        ({"questions": ["a b c d e f"] * 2, "words": True}, "words"),
        ({"question": "..."}, "question"),
        ({"question": 7}, "body.question"),
        ({"question": "red", "top": 0}, "body.top"),
        ({"question": "red", "top": 10**30}, "body.top"),
        ({"question": "red", "attention": "jpeg"}, "body.attention"),
        ({"question": "red", "tops": 3}, "body.tops"),
        ({"question": "red", "run": "sana"}, "run"),
        ({"question": "red", "edited_attention": [[["a"]]]}, "body.edited_attention.0.0.0"),
        ({"question": "red", "edited_attention": [[[-1, 0], [0, 1]], None]}, "edited attention"),
        ({"question": "red", "edited_attention": []}, "edited attention"),
        ({"question": "red", "edited_attention": [[0.5, 0.5]]}, "body.edited_attention"),
        ({"question": "red", "edited_attention": [None, [[[1]]]]}, "body.edited_attention"),
        ({"question": "red", "edited_attention": [[[]]] * 101}, "body.edited_attention"),
        ({"question": "red", **{str(key): 1 for key in range(1000)}}, "body"),
        ({"question": "red", "edited_attention": 1}, "body.edited_attention"),
        ({"question": "red", "edited_attention": [[[1, 0], [0]], None]}, "edited attention, map 1"),
        ({"question": "red", "edited_attention": [[[10**400, 0], [0, 0]], None]}, ""),
        ("red", "body"),
    ],
)
def test_what_does_not_fit_is_named(start: Start, file: Path, body: object, where: str) -> None:
    asked = start(max_questions=3, max_question_length=20, max_words=11)
    response = asked.client.post(f"/v1/images/{asked.upload(file)}/ask", json=body)
    told = problem(response, 422)
    assert str(told["where"]).startswith(where)
    assert told["remedy"]
    if where == "run":
        assert told["remedy"] == "Did you mean 'san'?"
    if where == "body.tops":
        assert told["remedy"] == "Did you mean 'top'?"
    if where == "body.edited_attention":
        assert re.search("deep, expected 3: maps, of rows, of columns|at most 100", told["detail"])
        assert "maps × rows × columns" in told["remedy"]


def test_one_question_or_several_but_not_both(asked: Asked, file: Path) -> None:
    path = f"/v1/images/{asked.upload(file)}/ask"
    both = asked.client.post(path, json={"question": "red", "questions": ["red"]})
    assert "both 'question' and 'questions'" in problem(both, 422)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status", "remedy"),
    [
        ("GET", "/v1/run", 404, "Did you mean /v1/runs?"),
        ("POST", "/v1/images/some-id/aks", 404, "Did you mean /v1/images/{image_id}/ask?"),
        ("GET", "/favicon.ico", 404, "See /openapi.json"),
        ("GET", "/v1/ask", 405, "Use POST."),
        ("PUT", "/v1/images/some-id", 405, "Use DELETE."),
        ("DELETE", "/", 405, "Use GET."),
    ],
)
def test_what_no_route_takes_is_told_which_there_are(
    asked: Asked, method: str, path: str, status: int, remedy: str
) -> None:
    response = asked.client.request(method, path)
    told = problem(response, status)
    assert told["remedy"].startswith(remedy)
    assert told["where"] == path
    assert ("Allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/images", "-H 'Content-Type: image/png'"),
        ("/v1/images/x/ask", "-H 'Content-Type: application/json'"),
        ("/v1/ask", "-H 'Content-Type: application/json'"),
    ],
)
def test_what_curl_sends_by_default_is_told_how_to_send(
    asked: Asked, path: str, named: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    told = problem(asked.client.post(path, content=b"x", headers=headers), 415)
    assert named in told["remedy"]


@pytest.mark.parametrize(
    "beside",
    [
        {"edited_attention": [[[0] * 600_000]]},
        {"edited_attention": [[[]] * 400_000]},
        {"question": "r" * 1_100_000},
        {"tops": [{}] * 400_000},
        {"image": [[]] * 400_000},
    ],
)
def test_what_is_beside_the_image_is_as_small_as_anywhere(
    asked: Asked, file: Path, beside: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = base64.b64encode(file.read_bytes()).decode()
    body = {"image": image, "question": "is it red?", **beside}
    monkeypatch.setattr(bodies, "parse", None)  # nothing of it is made into objects
    response = asked.client.post("/v1/ask", json=body)
    assert "beside the image" in problem(response, 413)["detail"]


def test_a_large_image_in_json_is_read(asked: Asked) -> None:
    """With what is beside it before and behind, and a slash escaped, as some write it."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    encoded = BytesIO()
    Image.fromarray(noise).save(encoded, "PNG")
    text = base64.b64encode(encoded.getvalue()).decode()
    assert len(text) > MOST_JSON
    for written in (text, text.replace("/", "\\/")):
        body = f'{{"top": 2, "image": "{written}", "question": "is it red?"}}'
        headers = {"Content-Type": "application/json"}
        response = asked.client.post("/v1/ask", content=body.encode(), headers=headers)
        assert response.status_code == 200, response.text
    for spoilt in (body[:-1], body.replace('"top"', '"tops"'), body.replace('"image"', '"imgae"')):
        response = asked.client.post("/v1/ask", content=spoilt.encode(), headers=headers)
        assert response.status_code in (413, 422)
        assert problem(response, response.status_code)["where"].startswith("body")


def test_a_field_that_another_route_has_is_to_be_left_out(asked: Asked, file: Path) -> None:
    path = f"/v1/images/{asked.upload(file)}/trace"
    told = problem(asked.client.post(path, json={"question": "red", "top": 3}), 422)
    assert (told["detail"], told["where"]) == ("there is no such field here", "body.top")
    assert told["remedy"] == "Leave it out."


def test_only_a_routes_own_fields_are_named(asked: Asked, file: Path) -> None:
    image = f"/v1/images/{asked.upload(file)}"
    for route, own in (("ask", Questions), ("trace", TraceQuestion)):
        told = problem(
            asked.client.post(f"{image}/{route}", json={"question": "red", "zzz": 1}), 422
        )
        assert told["remedy"] == f"Choose from: {', '.join(own.model_fields)}."
    form = {"question": "red", "options": '{"zzz": 1}'}
    with file.open("rb") as content:
        response = asked.client.post("/v1/ask", data=form, files={"image": content})
    told = problem(response, 422)
    assert told["remedy"] == f"Choose from: {', '.join(Options.model_fields)}."


def test_what_is_not_json_is_told_why(asked: Asked, file: Path) -> None:
    headers = {"Content-Type": "application/json"}
    path = f"/v1/images/{asked.upload(file)}/ask"
    told = problem(asked.client.post(path, content=b'{"question":', headers=headers), 422)
    assert (told["detail"], told["where"]) == ("not JSON: Expecting value", "body")
    latin = '{"question": "é"}'.encode("latin-1")
    told = problem(asked.client.post(path, content=latin, headers=headers), 400)
    assert "UTF-8" in told["remedy"]


@pytest.mark.parametrize("body", ["{", "[" * 100_000, "", "\x00", *HALVES])
def test_malformed_json_is_refused(asked: Asked, file: Path, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    for path in (f"/v1/images/{asked.upload(file)}/ask", "/v1/ask"):
        response = asked.client.post(path, content=body.encode(), headers=headers)
        problem(response, response.status_code)
        assert response.status_code in (400, 422)


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"data": {"question": "red"}}, 415),
        ({"files": {"photo": b"x"}, "data": {"question": "red"}}, 422),
        ({"files": {"image": b"x"}, "data": {"question": "red"}}, 415),
        ({"files": {"image": b"x"}}, 422),
        ({"files": {"image": b"x"}, "data": {"question": "red", "options": "{"}}, 422),
        ({"files": {"image": b"x"}, "data": {"question": ["red"] * 99}}, 400),
        ({"files": [("image", b"x"), ("image", b"x")], "data": {"question": "red"}}, 400),
        ({"files": {"image": b"x"}, "data": {"question": "r" * 2_000_000}}, 400),
        ({"files": {"image": b"x"}, "data": {"question": ["r" * 400_000] * 3}}, 413),
        ({"files": {"image": b"x"}, "data": {"question": "red", "top": "3"}}, 422),
        ({"files": {"options": b"{}"}, "data": {"question": "red", "image": "x"}}, 422),
    ],
)
def test_forms_that_do_not_fit(asked: Asked, parts: dict[str, Any], status: int) -> None:
    problem(asked.client.post("/v1/ask", **parts), status)


def test_pictures_of_maps_do_not_wait_for_images(asked: Asked, file: Path) -> None:
    image_id, held, release = asked.upload(file), Semaphore(0), Event()

    def decode_for_long() -> None:
        held.release()
        release.wait(30)

    for _ in range(DECODERS):
        asked.service._decoders.submit(decode_for_long)
        held.acquire()
    try:
        assert asked.ask(image_id, "is it red?", attention="png")["answers"]
    finally:
        release.set()


def test_long_honest_work_is_given_up_in_time_and_leaves_the_worker_well(
    start: Start, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Predictor.word_effects_by_pass

    def slow(*given: Any) -> Any:
        time.sleep(0.3)
        yield from whole(*given)

    monkeypatch.setattr(Predictor, "word_effects_by_pass", slow)
    asked = start(timeout=3.0)  # which what follows does not take
    image_id = asked.upload(file)
    asked.ask(image_id, "is it red?")
    body = {"questions": ["is it red?"] * 30, "words": True}
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(asked.client.post, f"/v1/images/{image_id}/ask", json=body)
        while not sent.done():  # nine seconds' work
            assert asked.client.get("/healthz").status_code == 200
            time.sleep(0.05)
    problem(sent.result(), 503)
    # What is left of it is not done.
    assert asked.ask(image_id, "is it red?")["answers"]
    assert asked.service.worker.waiting == 0


def test_an_image_expires(start: Start, file: Path) -> None:
    asked = start(cache_seconds=0.05)
    image_id = asked.upload(file)
    path = f"/v1/images/{image_id}/ask"
    wait_until(lambda: asked.client.post(path, json={"question": "red"}).status_code == 404)


def test_the_image_not_asked_about_for_longest_makes_room(start: Start, file: Path) -> None:
    asked = start(cache_images=2)
    first, second = asked.upload(file), asked.upload(file)
    asked.ask(first, "red")
    third = asked.upload(file)
    statuses = [
        asked.client.post(f"/v1/images/{each}/ask", json={"question": "red"}).status_code
        for each in (first, second, third)
    ]
    assert statuses == [200, 404, 200]


def test_every_route_but_the_two_of_health_needs_the_token(start: Start, file: Path) -> None:
    asked = start(token="s3cret")
    paths = asked.client.get("/openapi.json", headers=bearer("s3cret")).json()["paths"]
    assert len(paths) >= 9
    routes = [(path, method) for path, methods in paths.items() for method in methods]
    for path, method in [*routes, ("/openapi.json", "get"), ("/nowhere", "get")]:
        path = path.format(image_id="x")
        for sent in ("", "Bearer wrong", "Bearer ", "Bearer s3cre", "s3cret", "Bearer é"):
            headers = {"Authorization": sent.encode()}
            response = asked.client.request(method, path, headers=headers)  # type: ignore[arg-type]
            if path in ("/healthz", "/readyz"):
                assert response.status_code == 200
                continue
            assert problem(response, 401)["where"] == "Authorization"
            asks_browser = response.headers["WWW-Authenticate"].startswith("Basic")
            assert asks_browser == (path == "/")
    given = asked.client.post("/v1/images", content=file.read_bytes(), headers=bearer("s3cret"))
    assert given.status_code == 201
    # A browser sends what its user typed as a password.
    basic = {"Authorization": "Basic " + base64.b64encode(b"anybody:s3cret").decode()}
    assert asked.client.get("/", headers=basic).status_code == 200
    assert asked.client.get("/", headers={"Authorization": "Basic !"}).status_code == 401


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_other_sites_may_ask_only_if_named(start: Start) -> None:
    site = "https://example.org"
    preflight = {"Origin": site, "Access-Control-Request-Method": "POST"}
    closed, opened = start(), start(token="s3cret", cors_origins=(site,))
    for asked, allowed in ((closed, None), (opened, site)):
        headers = asked.client.get("/v1/runs", headers={"Origin": site}).headers
        assert headers.get("Access-Control-Allow-Origin") == allowed
        response = asked.client.options("/v1/ask", headers=preflight)
        assert response.headers.get("Access-Control-Allow-Origin") == allowed
    other = opened.client.get("/v1/runs", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_the_page_may_run_its_own_scripts_alone(asked: Asked) -> None:
    response = asked.client.get("/")
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        for body in re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", response.text, re.DOTALL):
            digest = base64.b64encode(sha256(body.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_each_response_has_an_id_and_safe_headers(asked: Asked) -> None:
    for path in ("/", "/healthz", "/metrics", "/openapi.json", "/nowhere", "/v1/images/x/ask"):
        response = asked.client.get(path)
        assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-Id"])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    for given, kept in (("mine-1", True), ("a b", False), ("x" * 65, False), ("é", False)):
        headers = {"X-Request-Id": given.encode()}
        response = asked.client.get("/healthz", headers=headers)  # type: ignore[arg-type]
        assert (response.headers["X-Request-Id"] == given) == kept
    assert problem(asked.client.get("/nowhere"), 404)
    assert problem(asked.client.put("/v1/runs"), 405)


def test_what_fails_unexpectedly_is_logged_without_what_was_asked(
    asked: Asked, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("SECRET question")

    monkeypatch.setattr("askattend.serving.routes.present", fail)
    caplog.set_level(logging.INFO, logger="askattend.serving")
    image_id = asked.upload(file)
    path = f"/v1/images/{image_id}/ask"
    told = problem(asked.client.post(path, json={"question": "is it SECRET?"}), 500)
    fields = [getattr(record, "fields", {}) for record in caplog.records]
    (failure,) = [each for each in fields if "exception" in each]
    assert failure["exception"] == "RuntimeError"
    assert failure["request_id"] == told["request_id"]
    logged = caplog.text + json.dumps(fields, default=str)
    assert "SECRET" not in logged
    assert image_id not in logged
    (request,) = [each for each in fields if each.get("status") == 500]
    assert request["route"] == "/v1/images/{image_id}/ask"


def test_metrics_count_by_route_and_status(asked: Asked, file: Path) -> None:
    image_id = asked.upload(file)
    for _ in range(3):
        asked.ask(image_id, "red", "is it red?")
    asked.client.post("/v1/images/nowhere/ask", json={"question": "red"})
    families = text_string_to_metric_families(asked.client.get("/metrics").text)
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }
    route = "/v1/images/{image_id}/ask"
    assert samples["askattend_requests_total", route, "200", "POST"] == 3
    assert samples["askattend_requests_total", route, "404", "POST"] == 1
    assert samples["askattend_request_seconds_count", route, "200", "POST"] == 3
    assert samples["askattend_batch_questions_sum",] == 6
    assert samples["askattend_cache_total", "hit"] == 3
    assert samples["askattend_cache_total", "miss"] == 1
    assert samples["askattend_cache_images",] == 1
    assert samples["askattend_in_flight",] == 1


@pytest.mark.parametrize(
    "place", ["PATH", "file://PATH", "http://127.0.0.1:1/x.png", "\\\\a\\b.png"]
)
def test_no_path_or_url_of_a_client_is_opened(
    asked: Asked, file: Path, place: str, opened: list[str]
) -> None:
    place = place.replace("PATH", str(file))
    encoded = base64.b64encode(place.encode()).decode()
    form = {"files": {"image": (place, file.read_bytes())}, "data": {"question": ["red", place]}}
    opened.clear()
    for path, sent in (
        ("/v1/images", {"content": place.encode()}),
        ("/v1/ask", {"json": {"image": place, "question": "red"}}),
        ("/v1/ask", {"json": {"image": encoded, "question": "red"}}),
        ("/v1/ask", form),
        ("/v1/ask", {"data": {"image": place, "question": "red"}, "files": {"x": b"x"}}),
        ("/v1/images/" + place.replace("/", "%2F") + "/ask", {"json": {"question": "red"}}),
    ):
        assert asked.client.post(path, **sent).status_code in (200, 404, 415, 422)
        assert asked.client.get("/" + place).status_code == 404
    assert not [each for each in opened if "x.png" in each or "square" in each or ":1" in each]


def test_a_page_of_another_site_may_not_ask(start: Start, file: Path) -> None:
    asked = start()
    image, foreign = file.read_bytes(), {"Origin": "https://evil.example"}
    told = problem(asked.client.post("/v1/images", headers=foreign, content=image), 403)
    assert told["where"] == "Origin"
    question = {"question": "is it red?"}
    sent = asked.client.post("/v1/ask", headers=foreign, files={"image": image}, data=question)
    problem(sent, 403)
    own = {"Origin": "http://testserver"}
    assert asked.client.post("/v1/images", headers=own, content=image).status_code == 201
    assert asked.client.get("/v1/runs", headers=foreign).status_code == 200
