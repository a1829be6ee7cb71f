"""Bodies of requests and responses, as the description of the interface gives them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from askattend.report.quality import Quality
from askattend.serving.examples import ANSWERS_EXAMPLE, PROBLEM_EXAMPLE, QUALITY_EXAMPLE

AttentionForm = Literal["none", "array", "png"]
# More answers than anybody reads; a run may have thousands.
MOST_TOP = 100
Map = list[list[float]]
# More maps than any network has.
MOST_MAPS = 100
# Lists in lists: maps, their rows, their columns.
MAP_LEVELS = 3


class Request(BaseModel):
    """Base of what a client sends: an unknown field is refused, so that no option is lost."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: Any) -> Any:
        # Each unknown one would be told by itself, which takes longer than any answer.
        if isinstance(value, dict) and len(value) > 2 * len(cls.model_fields):
            counts = {"given": len(value), "known": len(cls.model_fields)}
            raise PydanticCustomError(
                "fields", "has {given} fields, where {known} are known", counts
            )
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_written(cls, value: Any) -> Any:
        # JSON may hold half of a character, which no response, log or file could.
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
                raise PydanticCustomError("half_a_character", "holds half of a character")
        return value


class Options(Request):
    """How questions are to be answered."""

    run: str | None = Field(None, description="Which run answers; the first one by default.")
    top: int = Field(5, ge=1, le=MOST_TOP, description="How many answers to list.")
    attention: AttentionForm = Field(
        "none", description="No maps, their numbers, or a picture of each over the image."
    )
    words: bool = Field(
        False,
        description="For each word: how much the probability of the answer falls without it.",
    )
    edited_attention: list[Map | None] | None = Field(
        None,
        max_length=MOST_MAPS,
        description="Maps × rows × columns to pool with in the place of the network's own; "
        "a map that is null is left to the network.",
    )

    @field_validator("edited_attention", mode="before")
    @classmethod
    def _has_three_levels(cls, value: Any) -> Any:
        depth, part = 0, value
        while isinstance(part, list):
            depth += 1
            part = next((each for each in part if each is not None), None)
        if value is None or depth == MAP_LEVELS or (part is None and depth <= MAP_LEVELS):
            return value
        raise PydanticCustomError(
            "levels",
            "lists {depth} deep, expected 3: maps, of rows, of columns",
            {"depth": depth},
        )


class Questions(Options):
    """One or several questions about an image that was uploaded."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"question": "what colour is the shape?", "attention": "array"},
                {"questions": ["is there a circle?", "is it red?"], "top": 3},
            ]
        },
    )

    question: str | None = Field(None, description="One question.")
    questions: list[str] | None = Field(None, description="Several; one of the two is needed.")


class QuestionsWithImage(Questions):
    """The same, with the image."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AA"
                    "AAMBAQDJ/pLvAAAAAElFTkSuQmCC",
                    "question": "is it red?",
                }
            ]
        },
    )

    image: str = Field(description="The image's file in base64.")


class TraceQuestion(Request):
    """The question whose forward pass is to be told."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"question": "is there a circle?"}]}
    )

    question: str
    run: str | None = Field(None, description="Which run answers; the first one by default.")


class Sent(BaseModel):
    """Base of what the service sends."""


class UploadedImage(Sent):
    """An image that can be asked about for a while."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": "PbSz6fWMxYwK1x2d", "width": 640, "height": 480, "expires_in": 3600.0}
            ]
        }
    )

    id: str
    width: int = Field(description="Pixels, upright.")
    height: int
    expires_in: float = Field(description="Seconds until it is forgotten, at the latest.")


class RankedAnswer(Sent):
    """An answer and its probability, 0 to 1."""

    answer: str
    probability: float


class Peak(Sent):
    """The greatest value of a map, and where it is; row 0 is on top, column 0 at the left."""

    row: int
    column: int
    value: float


class Attention(Sent):
    """Where the network looked: one map a glimpse or hop, each of which sums to 1."""

    maps_name: str = Field(description="The paper's word for a map: glimpse (SAAA), hop (SAN).")
    rows: int
    columns: int
    values: list[Map] | None = Field(description="Maps × rows × columns; with attention: array.")
    png: list[str] | None = Field(
        description="A PNG a map in base64, laid over the image; with attention: png."
    )
    descriptions: list[str] = Field(description="Each map in words.")
    peaks: list[Peak]
    uniform: float = Field(description="What every region would get of even attention.")
    strongest: int = Field(
        description="How many times that a PNG tints strongest; it tints nothing up to once."
    )


class WordEffect(Sent):
    """How much the probability of the answer falls without a word."""

    text: str
    start: int = Field(description="Where it begins in the question, in characters.")
    end: int
    drop: float


class Answer(Sent):
    """An answer with all that is known of it."""

    question: str
    answer: str
    probability: float
    sure: bool | None = Field(
        description="True, false, or null: no threshold was chosen, so that nobody judged."
    )
    threshold: float | None = Field(
        description="Probability that an answer must have to be sure; null where none was chosen."
    )
    unknown_words: list[str] = Field(description="Words that the answer cannot rest on.")
    unlike_training: bool | None = Field(
        description="The picture is unlike those it learnt from; null where the run knows nothing "
        "of these."
    )
    notes: list[str] = Field(description="What one should know of how the question is read.")
    top: list[RankedAnswer]
    attention: Attention | None
    words: list[WordEffect] | None


class Answers(Sent):
    """Answers in the order of the questions."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANSWERS_EXAMPLE]})

    run: str
    answers: list[Answer]
    seen: tuple[float, float, float, float] = Field(
        description="Part of the image that maps lie over: left, top, right, bottom, as shares."
    )
    milliseconds: float = Field(description="From the request's arrival to its answers.")


class FloorDescription(Sent):
    """Accuracy of a floor: what is reached without the network, on the same questions."""

    name: str
    accuracy: float
    interval: tuple[float, float] | None


class QualityDescription(Sent):
    """How good a run is, on questions that it did not learn from unless `split` says so."""

    data: str = Field(description="What the questions are of.")
    split: str
    questions: int
    metric: str = Field(description="What counts as right.")
    accuracy: float = Field(description="0 to 1, as all here.")
    interval: tuple[float, float] | None = Field(
        description="Of the accuracy, 95 %; null where only the training measured it."
    )
    floors: list[FloorDescription]

    @classmethod
    def of(cls, quality: Quality) -> QualityDescription:
        """Write figures as they are sent."""
        return cls.model_validate(msgspec.to_builtins(quality))


class RunDescription(Sent):
    """A run that answers."""

    id: str
    network: str
    maps_name: str
    maps: int
    rows: int
    columns: int
    answers: int = Field(description="How many answers it knows.")
    words: int = Field(description="How many words it knows.")
    common_words: list[str] = Field(description="Some of these, the most common first.")
    suggestions: list[str] = Field(description="Questions that it was trained on, to begin with.")
    threshold: float | None = Field(
        description="Probability that an answer must have to be sure; null where none was chosen."
    )
    data: str | None = Field(description="Name of what it was trained on.")
    questions: int | None = Field(
        description="How many questions it learnt from; null where its training is not known."
    )
    attends: bool = Field(description="False for a network whose maps are even everywhere.")
    quality: QualityDescription | None = Field(
        description="How good it is; null where nobody measured."
    )


class Runs(Sent):
    """The runs that answer; the first is asked by default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "runs": [
                        {
                            **{"id": "demo", "network": "SAAA", "maps_name": "glimpse", "maps": 2},
                            **{"rows": 7, "columns": 7, "answers": 13, "words": 33},
                            **{"common_words": ["there", "circle", "what"]},
                            **{"suggestions": ["is there a circle?"], "threshold": None},
                            **{"data": "easy-vqa", "questions": 36731, "attends": True},
                            "quality": QUALITY_EXAMPLE,
                        }
                    ],
                    "max_question_length": 500,
                    "images_expire_in": 3600.0,
                }
            ]
        }
    )

    runs: list[RunDescription]
    max_question_length: int = Field(description="Characters that a question may have.")
    images_expire_in: float = Field(description="Seconds that an image is kept, at the most.")


class Status(Sent):
    """State of the service in a word."""

    status: Annotated[str, Field(examples=["ok"])]


class Problem(Sent):
    """A refusal or failure (RFC 9457): what, where, and what to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [PROBLEM_EXAMPLE]})

    type: str
    title: str
    status: int
    detail: str
    where: str | None
    remedy: str | None
    request_id: str
