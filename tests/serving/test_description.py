"""The description of the interface: complete, and what the service does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from askattend.client import Client
from askattend.serving.app import make_app
from askattend.serving.middleware import ALWAYS, IMAGE, ROUTES
from askattend.serving.schemas import Answers, Problem, Questions, QuestionsWithImage, Runs
from askattend.serving.service import Service
from askattend.serving.settings import ServingLimits
from commands import Call
from serving.conftest import Asked
from serving.services import Process, serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


TOKEN = {"Authorization": "Bearer s3cret"}


@pytest.fixture(scope="module")
def process(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "token").write_text("s3cret")
    with serving(folder, run, "--token-file", folder / "token") as process:
        yield process


@pytest.fixture(scope="module")
def image_id(process: Process, trained: Path) -> str:
    with Client(process.url, "s3cret") as client:
        return client.look(trained / "square 0.png").id


OPERATIONS = (
    *("GET /", "GET /healthz", "GET /readyz", "GET /metrics", "GET /v1/runs"),
    *("POST /v1/images", "POST /v1/ask", f"DELETE {IMAGE}"),
    *(f"POST {IMAGE}/ask", f"POST {IMAGE}/trace"),
)


GOOD, BAD = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
TRIED = [
    *((operation, GOOD) for operation in OPERATIONS),
    *((operation, BAD) for operation in OPERATIONS if not operation.startswith("GET")),
]


@pytest.mark.parametrize(("operation", "mode"), TRIED)
def test_whatever_is_sent_is_answered_as_described(
    operation: str, mode: GenerationMode, process: Process, image_id: str
) -> None:
    method, path = operation.split()
    described = schemathesis.openapi.from_url(f"{process.url}/openapi.json", headers=TOKEN)

    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if method == "POST" and path.startswith(IMAGE):
            case.path_parameters = {"image_id": image_id}
        response = case.call(headers=TOKEN)
        case.validate_response(response, checks=CHECKS)
        assert process.status("/readyz") == 200

    check()


def test_every_route_is_described(asked: Asked) -> None:
    described = asked.client.get("/openapi.json").json()
    assert {*described["paths"], "/openapi.json"} == set(ROUTES)
    methods = [f"{m.upper()} {path}" for path, ms in described["paths"].items() for m in ms]
    assert set(methods) == set(OPERATIONS)
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["description"]
            if path not in ALWAYS:
                assert {"503", "429"} <= operation["responses"].keys()
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("model", [Answers, Problem, Questions, QuestionsWithImage, Runs])
def test_examples_are_examples(model: Any) -> None:
    examples = model.model_json_schema()["examples"]
    assert examples
    for example in examples:
        model.model_validate(example)


def test_the_command_prints_the_description_without_a_run(call: Call) -> None:
    status, out, err = call("serve", "--openapi")
    assert (status, err) == (0, "")
    assert '"openapi": "3.1' in out
    app = make_app(Service((), ServingLimits()))
    assert '"securitySchemes"' not in out
    assert len(out) > len(str(app.openapi())) / 2
