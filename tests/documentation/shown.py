"""What pages show in blocks: command lines that are run, and what is not, with the reason."""

from __future__ import annotations

import re
from typing import NamedTuple

from documentation.pages import FENCE, PAGES, blocks, read

SHELL = ("", "console", "sh")

# What a line holds → why the tests do not run it, and what does instead, if anything.
LINES_NOT_RUN = {
    "pip install": "asks an index; `make release` installs the wheel in a clean environment",
    "python3 -m venv": "makes an environment in which nothing is installed",
    ". .venv/bin/activate": "is of that environment",
    "make ": "trains or tests for minutes; that each target is there is tested",
    "jupyter lab": "opens a browser; test_notebooks.py runs the notebooks",
    "ray start": "joins hosts; tests/cluster/test_two_hosts.py does, in networks of its own",
    "--engine ray": "needs a cluster; tests/cluster/test_commands.py runs it on one",
    "s3://": "asks an object store; tests/features/test_addresses.py asks others",
    "torchrun": "starts processes on several hosts; tests/training/test_two_hosts.py does",
    "srun": "needs Slurm",
    "--nproc-per-node": "goes on a line of srun's",
    "-m askattend": "goes on a line of torchrun's or srun's",
    "--rdzv-conf": "goes on a line of torchrun's",
    "--train.device cuda": "needs a GPU; tests/test_gpu.py has one",
    "hf:microsoft/resnet-152": "fetches weights; tests/features/test_hub.py has small ones",
    "hf:flaviagiammarino/vqa-rad": "fetches a data set; tests/data/readers/test_arrow.py has small",
    "runs/rad": "was trained on that data set",
    "arrow:saved": "names what save_to_disk wrote, as tests/data/readers/test_arrow.py does",
    "hf:Salesforce/": "fetches weights; tests/experiment/test_evaluate_foreign.py has small ones",
    "models/mine": "names a model of transformers'; tests/experiment/test_evaluate_foreign.py has",
    "llama-server": "needs llama.cpp",
    "--server http": "asks a server; tests/experiment/test_serve_answers.py starts one",
    "runs/shelves answers.json": "is about what that server answered",
    "--format web": "fetches onnxruntime-web; tests/exporting/test_web_page.py has it",
    "http.server": "serves until it is stopped; tests/exporting/test_web_page.py does",
    "--preset easy-vqa": "trains for minutes; tests/experiment/test_presets.py reads the preset",
    "--search 15m": "takes its 15 minutes; tests/cli/test_train_search.py gives it seconds",
    "train product": "is of another package, which test_extending.py installs and runs",
    "runs/mine red.png": "is of that package",
    "drawing=": "names a picture of easy-vqa's in a variable of the shell",
    "$drawing": "is of that variable",
    "--features STORE": "goes on a line of torchrun's or srun's",
    "curl": "asks a service; tests/serving/test_docs.py starts one",
    "EDITED=": "is of that service",
    "ID=": "is of that service",
    "printf": "is of that service",
    "run = json": "is a line of a command that tests/serving/test_docs.py runs",
    "corner": "is a line of that command",
    "print(json": "is a line of that command",
    "logs/NAME.pth": "needs a file of the shared test data; tests/cli/test_importing.py reads it",
    "resnet-14x14.h5": "needs a file of the shared test data; tests/cli/test_importing.py reads it",
    "runs/imported 42": "is about what these two lines made",
}

# Page, language and first line of a block that holds no command → who runs or checks it.
OTHER_BLOCKS = {
    ("docs/architecture.md", "", "images ─ extract ─▶"): "a drawing",
    ("docs/architecture.md", "", "__main__"): "tests/test_architecture.py",
    ("docs/from-paper-to-code.md", "math", ""): "tests/documentation/test_site.py",
    ("docs/citing.md", "bibtex", "@software"): "tests/documentation/test_project_files.py",
    ("docs/citing.md", "bibtex", "@misc"): "tests/documentation/test_project_files.py",
    ("docs/evaluation.md", "json", "{"): "tests/cli/test_score.py",
    (
        "docs/own-pictures.md",
        "csv",
        "image,question,answer",
    ): "tests/documentation/test_snippets.py",
    ("docs/quick-start.md", "text", "what color"): "tests/documentation/test_snippets.py",
    ("docs/zh-CN/quick-start.md", "text", "what color"): "tests/documentation/test_translations.py",
    ("docs/extending.md", "toml", "[build-system]"): "tests/documentation/test_extending.py",
    ("docs/extending.md", "python", ""): "tests/documentation/test_extending.py",
    ("docs/from-paper-to-code.md", "python", ""): "tests/test_docs.py",
    ("docs/your-own-attention.md", "python", ""): "tests/test_docs.py",
    ("docs/your-own-attention.md", "text", ""): "tests/test_docs.py",
    ("docs/your-own-attention.md", "", "sizes = "): "tests/test_docs.py",
    ("docs/data-sets.md", "python", ""): "tests/documentation/test_snippets.py",
    ("docs/hub.md", "python", ""): "tests/documentation/test_snippets.py",
    ("docs/python.md", "python", ""): "tests/documentation/test_snippets.py",
    ("docs/reading-attention.md", "python", ""): "tests/documentation/test_snippets.py",
    ("docs/serving.md", "python", ""): "tests/serving/test_docs.py",
    ("docs/serving.md", "ini", "[Unit]"): "not run: needs systemd, and an installation in /opt",
    ("docs/serving.md", "dockerfile", "FROM"): "not run: needs Docker and an image from a registry",
    ("docs/serving.md", "nginx", "location"): "not run: needs nginx",
}
# Directives, which the building of the site carries out: tests/documentation/test_site.py.
DIRECTIVE = re.compile(r"\{[\w-]+\}")


class Block(NamedTuple):
    """A block between fences."""

    page: str
    language: str
    code: str


class Line(NamedTuple):
    """A command line of a block, its continued lines joined to it."""

    page: str
    text: str


def every_block() -> list[Block]:
    """Return every block of every page, indented ones too."""
    return [
        Block(page, language, code)
        for page in PAGES
        for language, code in FENCE.findall(read(page))
    ]


def command_lines(block: Block) -> list[Line]:
    """Take a block of a shell apart; where a prompt stands before some lines, these alone count."""
    text = re.sub(r"\\\n\s*", "", block.code)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if prompted := [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]:
        lines = prompted
    return [Line(block.page, line) for line in lines]


def other_block(block: Block) -> tuple[str, str, str] | None:
    """Find the key of a block in `OTHER_BLOCKS`."""
    for key in OTHER_BLOCKS:
        page, language, start = key
        if (page, language) == block[:2] and block.code.startswith(start):
            return key
    return None


def why_not_run(text: str) -> list[str]:
    """Return what `LINES_NOT_RUN` finds in a line."""
    return [part for part in LINES_NOT_RUN if part in text]


def every_line() -> list[Line]:
    """Return the command lines of all pages."""
    found = [block for block in every_block() if block.language in SHELL]
    return [line for block in found if not other_block(block) for line in command_lines(block)]


def lines_to_run() -> dict[str, list[str]]:
    """Return, by page, the lines to run; what an earlier page shows too is run there alone."""
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    # That with a table goes first, since its commands are about that very table.
    for page, text in sorted(every_line(), key=lambda line: not blocks(line.page, "csv")):
        command = re.sub(r"\s+#.*", "", text).strip()
        if not why_not_run(text) and command not in seen:
            seen.add(command)
            found.setdefault(page, []).append(command)
    return found
