"""``askattend serve``: runs that answer over HTTP, and a page to ask them."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from askattend.cli.console import parse, print_json, print_notes
from askattend.cli.options import REQUIRED, Device, Flat
from askattend.devices import AnsweringPrecision
from askattend.errors import ConfigError, reason_of
from askattend.files import read_whole
from askattend.installation import pip_install
from askattend.metrics.calibration import refuse_two_ways
from askattend.serving.settings import Address, ServingLimits
from askattend.settings import Probability, check


@dataclass(frozen=True)
class Serve:
    """Answer questions over HTTP, on a page and for programs."""

    runs: Annotated[
        Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="RUN ...", help_behavior_hint=REQUIRED),
    ] = ()
    """One or more run folders; the first is asked unless another is named."""
    address: Annotated[Address, Flat] = field(default_factory=Address)
    limits: Annotated[ServingLimits, Flat] = field(default_factory=ServingLimits)
    token_file: Path | None = None
    """File with a token that clients must send as 'Authorization: Bearer TOKEN'."""
    cors_origin: tuple[str, ...] = ()
    """Other sites whose pages may ask, such as https://example.org."""
    allowed_host: tuple[str, ...] = ()
    """Further names that the service is asked by, such as vqa.example.org behind a proxy."""
    device: Device = "auto"
    precision: AnsweringPrecision | None = None
    """Type of weights and products; by default the run's."""
    abstain_above_risk: Probability | None = None
    """Say "not sure" where more than this share of answers would be wrong, as on validation."""
    abstention: bool = True
    """With --no-abstention, no answer is judged by its probability, sure or not."""
    openapi: bool = False
    """Print the description of the interface, and end."""

    def __post_init__(self) -> None:
        check(self, "abstain_above_risk")
        refuse_two_ways(self.abstain_above_risk, abstention=self.abstention)
        for origin in self.cors_origin:
            if not re.fullmatch(r"https?://[^/*\s]+", origin):
                problem = f"'{origin}' is not the origin of a site"
                remedy = "Write it as https://example.org, without a path."
                raise ConfigError(problem, where="cors-origin", remedy=remedy)
        for name in self.allowed_host:
            if not re.fullmatch(r"[^/*\s]+", name):
                problem = f"'{name}' is not the name of a host"
                remedy = "Write it as vqa.example.org, without https:// and without a path."
                raise ConfigError(problem, where="allowed-host", remedy=remedy)


def run(argv: list[str]) -> None:
    """Parse the command's options, load the runs, and serve them until a signal to end."""
    options: Serve = parse(Serve, argv, "serve")
    _require_packages()
    token = None if options.token_file is None else read_token(options.token_file)
    if options.openapi:
        print_json(_description(options, token))
        return
    if not options.runs:
        raise ConfigError("no run named", remedy="Name one or more: askattend serve RUN …")
    # Only now: the packages of the extra are at hand, and help need not wait for them.
    from askattend.experiment.stopped import stopped_note
    from askattend.serving.app import make_app
    from askattend.serving.runs import load_runs
    from askattend.serving.server import bind, serve
    from askattend.serving.service import Service
    from askattend.serving.sites import hosts_of

    with bind(options.address) as listener:
        runs = load_runs(
            options.runs,
            device=options.device,
            precision=options.precision,
            abstain_above_risk=options.abstain_above_risk,
            abstention=options.abstention,
        )
        for served in runs:
            print_notes(f"{served.id}: {note}" for note in stopped_note(served.predictor.run))
        service = Service(runs, options.limits)
        hosts = hosts_of(
            listener.getsockname()[0],
            options.address.host,
            options.allowed_host,
            has_token=token is not None,
        )
        app = make_app(service, token=token, cors_origins=options.cors_origin, hosts=hosts)
        # Not before all else is well: who calls this from Python would keep fewer threads.
        _leave_a_core()
        serve(app, service, listener, has_token=token is not None)
    # Python would wait for a thread that is stuck in a decoder.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave_a_core() -> None:
    """Compute on one core less than there are: requests are read while others are answered."""
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() - 1))


def read_token(file: Path) -> str:
    """Read a token, without the white space around it.

    Raises:
        ConfigError: the file cannot be read, or holds none that a header can carry.
    """
    make_one = """python -c 'import secrets; print(secrets.token_urlsafe())' > token.txt"""
    try:
        token = read_whole(file).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        problem, remedy = f"cannot be read ({reason_of(error)})", f"To make one: {make_one}"
        raise ConfigError(problem, where=file, remedy=remedy) from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        problem = "holds no token: a line of letters, digits and signs of ASCII, without blanks"
        raise ConfigError(problem, where=file, remedy=f"To make one: {make_one}")
    return token


def _description(options: Serve, token: str | None) -> Any:
    from askattend.serving.app import make_app
    from askattend.serving.service import Service

    return make_app(Service((), options.limits), token=token).openapi()


def _require_packages() -> None:
    try:
        import fastapi
        import prometheus_client
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name} is not installed",
            remedy=f"Run: {pip_install('serve')}",
        ) from None
    del fastapi, prometheus_client
