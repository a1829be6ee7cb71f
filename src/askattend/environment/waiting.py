"""How long threads that compute look out for work before they sleep; PyTorch reads it as it loads.

Threads that share an operation wait for one another after it. GNU's OpenMP, which PyTorch has on
Linux, lets them look out for the next one for milliseconds: on a quiet processor the quickest way,
on a busy one the time of those they wait for.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# Variables by which a user settles it.
POLICY, LOOKS = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
# Looks before a thread sleeps, about a tenth of a millisecond; by itself GNU's takes 300,000.
BRIEF = 10_000


def wait_briefly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads sleep soon, unless the user has settled how they wait; before PyTorch loads."""
    if POLICY not in environment and LOOKS not in environment:
        environment[LOOKS] = str(BRIEF)


def describe_waiting(environment: MutableMapping[str, str] = os.environ) -> str:
    """Say how threads wait for one another, and by which variable: ``"GOMP_SPINCOUNT=10000"``."""
    found = [f"{name}={environment[name]}" for name in (POLICY, LOOKS) if name in environment]
    return ", ".join(found) or f"{LOOKS} is not set"
