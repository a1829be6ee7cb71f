"""Bodies of requests: their type, JSON, and forms, each held to its size before it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from askattend.errors import did_you_mean
from askattend.files import decode_json
from askattend.serving.images import decode_base64
from askattend.serving.problems import DESCRIBED, MOST_JSON, Refusal, too_many_bytes
from askattend.serving.schemas import Options, Questions, QuestionsWithImage

B = TypeVar("B", bound=BaseModel)
JSON, MULTIPART = "application/json", "multipart/form-data"
PARTS = ("image", "question", "options")
_BESIDE = " beside the image"
_NESTED = (
    "Send maps × rows × columns, such as [[[0.7, 0.1], [0.1, 0.1]], null]: as many as GET /v1/runs "
    "tells of the run; null leaves a map to the network."
)
_MESSAGES = {"extra_forbidden": "there is no such field here", "missing": "is missing"}
_FORM = "Send 'image', 'question' (again for each) and 'options', as JSON: {\"top\": 3}."


class _Image(msgspec.Struct):
    """The image in a body; what is beside it is passed over, and makes no objects."""

    image: msgspec.Raw = msgspec.Raw(b"null")


def read_json(body: bytes) -> tuple[bytes, Questions]:
    """Read an image in base64 and the questions about it.

    Raises:
        Refusal: the body does not fit (422), or is too large without the image (413).
    """
    if len(body) > MOST_JSON:
        _check_size(body)
    given = parse(QuestionsWithImage, body)
    return decode_base64(given.image), given


def _check_size(body: bytes) -> None:
    """Refuse a body that is large by anything but the text of its image."""
    try:
        image = bytes(memoryview(decode_json(body, _Image).image))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        problem, remedy = f"not read as JSON ({str(error)[:200]})", "Send a JSON object."
        raise _invalid(problem, "body", remedy) from None
    if len(body) - len(image) > MOST_JSON or not image.startswith(b'"'):
        raise too_many_bytes(MOST_JSON, beside=_BESIDE)


async def read_form(request: Request, max_questions: int) -> tuple[bytes, Questions]:
    """Read an image and the questions about it from a form of several parts.

    Raises:
        Refusal: the form does not fit (422), or is too large without the image (413).
    """
    # A question too many is refused by what is wrong with it, many more while they are read.
    async with request.form(
        max_files=1, max_fields=max_questions + 2, max_part_size=MOST_JSON
    ) as form:
        image = _image_of(form)
        content = await image.read()
        options = parse(Options, str(form.get("options", "{}")).encode(), where="options")
        asked = [str(question) for question in form.getlist("question")]
    return content, Questions(**options.model_dump(), questions=asked)


def _image_of(form: FormData) -> UploadFile:
    for name, value in form.multi_items():
        if name not in PARTS:
            raise _invalid(f"there is no part '{name[:80]}'", name[:80], _FORM)
        if name != "image" and not isinstance(value, str):
            raise _invalid("is a file, where text is expected", name, _FORM)
    texts = (value for _, value in form.multi_items() if isinstance(value, str))
    if sum(len(text.encode(errors="replace")) for text in texts) > MOST_JSON:
        raise too_many_bytes(MOST_JSON, beside=_BESIDE)
    image = form.get("image")
    if not isinstance(image, UploadFile):
        problem = "no image" if image is None else "is text, where a file is expected"
        raise _invalid(problem, "image", "Send the image's file: with curl, -F image=@photo.jpg.")
    return image


async def require_json(request: Request) -> None:
    """Refuse a body that is said to be something else than JSON.

    Raises:
        Refusal: it is (415).
    """
    require_type(request, (JSON,))


def require_type(request: Request, allowed: Sequence[str], *, default: str = "") -> str:
    """Return the type of a request's body, without parameters.

    Raises:
        Refusal: it is none of those allowed (415).
    """
    given = request.headers.get("Content-Type", default).partition(";")[0].strip().lower()
    if given not in allowed:
        named = f"with curl, -H 'Content-Type: {allowed[0]}'"
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"'{given[:80]}' is not read here" if given else "no Content-Type",
            where="Content-Type",
            remedy=f"Send {' or '.join(allowed)}, and say so: {named}.",
        )
    return given


def parse(kind: type[B], content: bytes, *, where: str = "body") -> B:
    """Read JSON into a model.

    Raises:
        Refusal: it is malformed or does not fit (422); names the field.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise invalid(found, kind, where) from None


def invalid(errors: Sequence[Mapping[str, Any]], kind: type[BaseModel], where: str = "") -> Refusal:
    """Make the refusal of a body that does not fit its model, from what pydantic found first."""
    first = errors[0]
    path = [*([where] if where else []), *map(str, first["loc"])]
    told = _MESSAGES.get(first["type"], str(first["msg"]))
    if first["type"] == "json_invalid":
        told, path = f"not JSON: {first.get('ctx', {}).get('error', told)}", path[:1]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    place = ".".join(path)[:200]
    return _invalid(f"{told.rstrip('.')}{more}", place, _remedy(first["type"], path, kind))


def _remedy(problem: str, path: Sequence[str], kind: type[BaseModel]) -> str:
    if "edited_attention" in path:
        return _NESTED
    if problem == "extra_forbidden":
        if path[-1] in QuestionsWithImage.model_fields:  # one of another route
            return "Leave it out."
        return did_you_mean(path[-1][:80], kind.model_fields)
    return DESCRIBED


def _invalid(problem: str, where: str, remedy: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, problem, where=where, remedy=remedy)
