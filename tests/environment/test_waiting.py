"""How long threads wait awake: settled before PyTorch loads, unless the user has settled it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from askattend.environment.waiting import BRIEF, LOOKS, POLICY, describe_waiting, wait_briefly

STARTED = """
import gc, os, sys
import askattend.cli

def seen(*_, loaded):
    print("torch" in sys.modules, os.environ["GOMP_SPINCOUNT"], gc.isenabled())
    loaded()
    print(gc.isenabled(), gc.get_freeze_count() > 0)

askattend.cli.main = seen
from askattend.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("settled", "told"),
    [
        ({}, f"GOMP_SPINCOUNT={BRIEF}"),
        ({"GOMP_SPINCOUNT": "77"}, "GOMP_SPINCOUNT=77"),
        ({"OMP_WAIT_POLICY": "active"}, "OMP_WAIT_POLICY=active"),
    ],
)
def test_what_the_user_settled_stays(settled: dict[str, str], told: str) -> None:
    environment = dict(settled)
    wait_briefly(environment)
    assert describe_waiting(environment) == told
    assert environment.items() >= settled.items()


def test_nobody_settled_it() -> None:
    assert describe_waiting({}) == "GOMP_SPINCOUNT is not set"


def test_the_program_settles_it_before_pytorch_is_loaded() -> None:
    """And looks for no garbage until its modules are there."""
    unsettled = {name: value for name, value in os.environ.items() if name not in (POLICY, LOOKS)}
    done = subprocess.run(
        [sys.executable, "-c", STARTED], capture_output=True, text=True, check=True, env=unsettled
    )
    assert done.stdout.split() == ["False", str(BRIEF), "False", "True", "True"]
