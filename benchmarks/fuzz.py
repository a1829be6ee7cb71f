"""Inputs by coverage (atheris), for as long as one likes: ``make fuzz``.

Each target runs in a process of its own, whose exit is atheris' own. What is found lies in
``fuzz/``; put it into ``tests/fuzzing/found`` under the target's name and a digest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OUT = Path("fuzz")
# The targets lie beside the tests, which give each of them some inputs, too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> None:
    """Fuzz one target, or all, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--target", default="")
    parser.add_argument("--run", type=Path, default=None)
    options = parser.parse_args()
    if options.run is None:
        with tempfile.TemporaryDirectory() as folder:
            _fuzz_all(options.inputs, options.target, _train(Path(folder)))
    else:
        _fuzz(options.target, options.inputs, options.run)


def _train(folder: Path) -> Path:
    """Train a small run, whose files are inputs to begin with."""
    from askattend.cli import main as askattend
    from commands import train_command
    from squares import write_squares

    askattend(train_command("saaa", write_squares(folder), folder / "runs" / "saaa"))
    return folder / "runs"


def _fuzz_all(inputs: int, only: str, runs: Path) -> None:
    from fuzzing.targets import all_targets

    with tempfile.TemporaryDirectory() as folder:
        names = list(all_targets(Path(folder), runs / "saaa", _store(runs)))
    failed = []
    for name in names:
        if only in name:
            began = time.monotonic()
            words = ["--target", name, "--inputs", str(inputs), "--run", str(runs)]
            command = [sys.executable, "-m", "benchmarks.fuzz", *words]
            log = OUT / f"{name}.log"
            OUT.mkdir(exist_ok=True)
            with log.open("wb") as opened:
                done = subprocess.run(command, stdout=opened, stderr=subprocess.STDOUT, check=False)
            seconds = time.monotonic() - began
            print(
                f"{name:<32} {inputs:>9,} inputs {seconds:7.0f} s  status {done.returncode}",
                flush=True,
            )
            failed += [name] if done.returncode else []
    sys.exit(f"found something: {', '.join(failed)}" if failed else 0)


def _store(runs: Path) -> Path:
    return next(path for path in (runs / "features").iterdir() if path.is_dir())


def _fuzz(name: str, inputs: int, runs: Path) -> None:
    import atheris

    # What is imported within is instrumented, so that atheris knows which branches are new.
    with atheris.instrument_imports(include=["askattend"]):
        from fuzzing.targets import all_targets
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ["ASKATTEND_CACHE"] = str(folder / "cache")
    target = all_targets(folder, runs / "saaa", _store(runs))[name]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    OUT.mkdir(exist_ok=True)
    prefix = f"{OUT.absolute()}/{name.replace(' ', '_')}-"
    limits = ("-timeout=60", "-rss_limit_mb=4096", f"-max_len={max(map(len, target.seeds)) * 2}")
    words = [sys.argv[0], f"-runs={inputs}", f"-artifact_prefix={prefix}", *limits, str(corpus)]
    atheris.Setup(words, target.try_out)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
