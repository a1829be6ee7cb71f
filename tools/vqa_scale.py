"""Measure the VQA reader's time and memory on a set of the official size and schema.

python tools/vqa_scale.py write FOLDER     # 650,000 questions with ten answers each
python tools/vqa_scale.py read FOLDER
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SIZES = {"train2014": 440_000, "val2014": 210_000}
PER_IMAGE = 5
WORDS = ("is", "the", "man", "dog", "on", "what", "color", "how", "many", "are", "there", "room")


def write(folder: Path) -> None:
    """Write questions and annotations as VQA v2 has them: skewed answers, long tails."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    first = 1
    for name, size in SIZES.items():
        ids = list(_ids(first, size))
        first += size // PER_IMAGE
        header = {"info": {}, "data_type": "mscoco", "data_subtype": name, "license": {}}
        questions = [_question(draw, *pair) for pair in ids]
        _save(
            folder / f"v2_OpenEnded_mscoco_{name}_questions.json",
            {**header, "task_type": "Open-Ended", "questions": questions},
        )
        annotations = [_annotation(draw, *pair) for pair in ids]
        _save(folder / f"v2_mscoco_{name}_annotations.json", {**header, "annotations": annotations})


def read(folder: Path) -> None:
    """Read them, and print seconds and the peak of the process."""
    from askattend.data.readers.registry import read_source

    before = _peak()
    start, cpu = time.perf_counter(), time.process_time()
    qaset = read_source(f"vqa:{folder}")
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{len(qaset):,} questions, {len(qaset.images):,} images")
    print(f"{seconds:.1f} s, {cpu:.1f} s of them on the processor")
    print(f"peak {_peak():,.0f} MB, {before:,.0f} MB of them before reading")


def _ids(first: int, size: int) -> Iterator[tuple[int, int]]:
    for index in range(size):
        image = first + index // PER_IMAGE
        yield image, image * 1000 + index % PER_IMAGE


def _question(draw: random.Random, image: int, identifier: int) -> dict[str, object]:
    text = " ".join(draw.choices(WORDS, k=draw.randint(3, 10))).capitalize() + "?"
    return {"image_id": image, "question": text, "question_id": identifier}


def _annotation(draw: random.Random, image: int, identifier: int) -> dict[str, object]:
    usual = f"answer {int(draw.paretovariate(0.7)) % 20_000}"
    given = [
        usual if draw.random() < 0.6 else f"answer {int(draw.paretovariate(0.7)) % 50_000}"
        for _ in range(10)
    ]
    return {
        "question_type": "what is the",
        "multiple_choice_answer": usual,
        "answers": [
            {"answer": answer, "answer_confidence": "yes", "answer_id": index + 1}
            for index, answer in enumerate(given)
        ],
        "image_id": image,
        "answer_type": "other",
        "question_id": identifier,
    }


def _save(file: Path, content: object) -> None:
    with file.open("w", encoding="utf-8") as opened:
        json.dump(content, opened)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
