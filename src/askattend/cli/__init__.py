"""The command line: parse, one library call, print."""

from __future__ import annotations

import errno
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module

from askattend.cli.needs import require_words
from askattend.cli.signals import Ending, ended_by_signals, loading
from askattend.cli.telling import take_verbosity, telling_surroundings
from askattend.cli.terminal import plain_warnings, print_to_any_terminal, visible_output
from askattend.cli.words import as_meant
from askattend.environment.verbosity import telling
from askattend.errors import (
    AskAttendError,
    ConfigError,
    Interrupted,
    UntrustedCodeError,
    did_you_mean,
)

USAGE = """\
usage: askattend COMMAND …

  data SOURCE [--out FOLDER]              what a source of questions holds; or all of it as Parquet
  extract SOURCE|FOLDER|TAR --out STORE   images → a store of region features
  train NETWORK --data SOURCE --out RUN   learn to answer questions
  evaluate RUN|MODEL [--split test]       accuracy beside its floors, and report.html
  score RESULTS.json --data SOURCE        accuracy of anybody's answers, a server's with --server
  compare RUN RUN … [--split test]        runs on the same questions, seeds averaged, with a test
  ask RUN IMAGE QUESTION …                answers, and where the model looked
  explain RUN IMAGE QUESTION              an answer, and the evidence for where it comes from
  predict RUN --images FOLDER --questions FILE --out RESULTS
                                          answers about any number of images, into files
  serve RUN …                             a page and an interface for programs, over HTTP
  trace NETWORK                           a forward pass step by step, in the paper's symbols
  pack RUN FILE.zip                       the run as one file, which every command takes
  push RUN USER/NAME                      the run on the model hub, as hf:USER/NAME
  export RUN --out FOLDER                 graphs in ONNX, or a page that answers in the browser
  verify RUN|STORE                        every file, compared with its digest
  doctor                                  this machine and installation: what is slow, what to do
  cache [FOLDER] [--clear]                what is kept to be used again, and what it takes
  plan --images NUMBER                    hours, GPUs, disk and money for many images
  import pytorch-vqa|hdf5 FILE --out …    networks and features of pytorch-vqa
  completion bash|zsh|fish                a script by which the shell completes all of this

{sources}
NETWORK is saaa, san or another that is listed by askattend train --help.
Every command has --help (that of data says what each source is), --quiet and --verbose.
--version tells this one's. Results go to standard output, all else to standard error."""


# The command → its module, imported only when it is called: help need not wait for PyTorch.
COMMANDS = {
    "data": "data",
    "extract": "extract",
    "train": "train",
    "evaluate": "evaluate",
    "score": "score",
    "compare": "compare",
    "ask": "ask",
    "explain": "explain",
    "predict": "predict",
    "serve": "serve",
    "trace": "trace",
    "import": "importing",
    "pack": "pack",
    "push": "push",
    "export": "export",
    "verify": "verify",
    "doctor": "doctor",
    "cache": "cache",
    "plan": "plan",
    "completion": "completion",
}


_FREE = " Free some space there, and give the same command again."
_ALLOW = " Change its permissions, or name another place."
# An error's number → what to do about it.
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FREE),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ALLOW),
}


def main(argv: Sequence[str] | None = None, *, loaded: Callable[[], None] = lambda: None) -> None:
    """Run one command; a user's mistake prints its message and exits with status 2.

    Args:
        argv: its words; by default those of this process.
        loaded: called when the command's modules are imported.
    """
    print_to_any_terminal()
    streams, signals = visible_output(), ended_by_signals()
    with streams, signals as ending, _plain_errors(ending), ExitStack() as told:
        verbosity, words = take_verbosity(sys.argv[1:] if argv is None else argv)
        told.enter_context(telling(verbosity))
        told.enter_context(plain_warnings())
        name, *rest = words or ["--help"]
        if name in ("-h", "--help", "help"):
            print(_usage())
        elif name in ("-V", "--version", "version"):
            print(_version())
        elif name in COMMANDS:
            rest = as_meant(rest, name)
            require_words(name, rest)
            with loading(ending):
                module = import_module(f"askattend.cli.{COMMANDS[name]}")
            loaded()
            with telling_surroundings():
                _run(module.run, rest)
        else:
            raise ConfigError(f"unknown command '{name}'", remedy=did_you_mean(name, COMMANDS))
        sys.stdout.flush()


def _run(command: Callable[[list[str]], None], words: list[str]) -> None:
    """Run a command; once more if it meets a run's own code and whoever sits there agrees to it."""
    try:
        command(words)
    except UntrustedCodeError as error:
        if not _agrees(error):
            raise
        command(words)


def _agrees(error: UntrustedCodeError) -> bool:
    """Ask whether a run's own code may be run, where somebody is there to ask; remember a yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"askattend: {error.where}: {error.problem}.", file=sys.stderr)
    print("Have you read it, and shall it run? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        return False
    from askattend.runs.own_code import trust  # PyTorch's slow import, which is done by now

    trust(error.digest)
    return True


def _usage() -> str:
    """List the commands, and how the sources that are installed are written."""
    # Only here, since a command need not import all readers.
    from askattend.data.readers.registry import source_syntaxes

    sources = textwrap.fill(f"SOURCE is {source_syntaxes()}.", 96, break_on_hyphens=False)
    return USAGE.format(sources=sources)


def _version() -> str:
    """Name the version and, where it is known, the commit."""
    from askattend.environment.provenance import commit, short, version

    known = commit()
    return f"askattend {version()}" + (f" (commit {short(known)})" if known else "")


def _place_of(error: OSError) -> str:
    """Name what an error is about; a full disk that is not named is that of standard output."""
    if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return "" if error.filename is None else f"{error.filename}: "
    # Or the interpreter would try once more when it ends, and tell it again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return "standard output: "


@contextmanager
def _plain_errors(ending: Ending) -> Iterator[None]:
    """Print a user's mistake, or who ended it, as one message, without a traceback, and exit."""
    try:
        yield
    except AskAttendError as error:
        print(f"askattend: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output has had enough of it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written to
        remedy = _REMEDIES.get(error.errno or 0, "")
        print(f"askattend: {_place_of(error)}{error.strerror or error}.{remedy}", file=sys.stderr)
        sys.exit(2)
    except MemoryError:
        print("askattend: there is not enough memory for this.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        ending.for_good()
        print(
            f"askattend: {stop if isinstance(stop, Interrupted) else 'interrupted'}",
            file=sys.stderr,
        )
        sys.exit(ending.status)
