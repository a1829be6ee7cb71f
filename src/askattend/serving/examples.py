"""Examples of what is sent and received, for the description of the interface."""

from __future__ import annotations

from typing import Any

ATTENTION_EXAMPLE: dict[str, Any] = {
    "maps_name": "glimpse",
    "rows": 2,
    "columns": 2,
    "values": [[[0.7, 0.1], [0.1, 0.1]]],
    "png": None,
    "descriptions": ["mostly upper left, peak at row 1, column 1: 0.70, 2.8 times uniform"],
    "peaks": [{"row": 0, "column": 0, "value": 0.7}],
    "uniform": 0.25,
    "strongest": 8,
}
ANSWER_EXAMPLE: dict[str, Any] = {
    "question": "what colour is the shape?",
    "answer": "red",
    "probability": 0.98,
    "sure": None,
    "unlike_training": False,
    "threshold": None,
    "unknown_words": [],
    "notes": [],
    "top": [{"answer": "red", "probability": 0.98}, {"answer": "brown", "probability": 0.01}],
    "attention": ATTENTION_EXAMPLE,
    "words": None,
}
ANSWERS_EXAMPLE: dict[str, Any] = {
    "run": "demo",
    "answers": [ANSWER_EXAMPLE],
    "seen": [0, 0, 1, 1],
    "milliseconds": 4.2,
}
QUALITY_EXAMPLE: dict[str, Any] = {
    "data": "easy-vqa",
    "split": "test",
    "questions": 9673,
    "metric": "exact match",
    "accuracy": 0.999,
    "interval": [0.998, 0.999],
    "floors": [{"name": "most common answer", "accuracy": 0.373, "interval": [0.364, 0.383]}],
}
PROBLEM_EXAMPLE: dict[str, Any] = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "no such image, or not any more",
    "where": "images/PbSz6fWMxYwK1x2d",
    "remedy": "Upload it again.",
    "request_id": "6f0c4f7d8f3e4a55",
}
