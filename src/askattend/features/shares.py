"""Shares of a work's parts, for processes that a scheduler starts and nobody coordinates."""

from __future__ import annotations

import re

from askattend.errors import ConfigError

_SHARE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


def parts_of_share(share: str, parts: int) -> range:
    """Return the parts that one of several processes is to do; consecutive ones.

    Args:
        share: ``"3/8"`` for the third of eight; ``""`` for all.
        parts: of the plan.

    Raises:
        ConfigError: it is not so written, or there is no such one.
    """
    if not share:
        return range(parts)
    match = _SHARE.fullmatch(share)
    if match is None:
        problem = f"'{share}' is no share of the work"
        raise ConfigError(problem, where="shard", remedy="Write 1/4, 2/4, 3/4 and 4/4.")
    number, count = map(int, match.groups())
    if not 1 <= number <= count:
        raise ConfigError(
            f"there is no share {number} of {count}",
            where="shard",
            remedy=f"Write 1/{max(count, 1)} to {max(count, 1)}/{max(count, 1)}.",
        )
    return range(parts * (number - 1) // count, parts * number // count)
