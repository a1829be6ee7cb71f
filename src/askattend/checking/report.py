"""The findings of a check, and the report that lists them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

_MARKS = {True: "✓", False: "✗", None: "·"}


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: the check's, a word or two.
        passed: True or False; None for a note, which is neither right nor wrong.
        explanation: the observation and, where it failed, what is likely to mend it.
    """

    name: str
    passed: bool | None
    explanation: str

    def __str__(self) -> str:
        line = f"{_MARKS[self.passed]} {self.name}: {self.explanation}"
        return textwrap.fill(
            line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )


@dataclass(frozen=True)
class CheckReport:
    """The result of `askattend.check`; printed, a list with ✓, ✗ and · (a note).

    Attributes:
        title: the module and the sizes it was checked with.
        findings: of every check, in order.
        equal: True if it is the same function as the module it was compared with, given the same
            weights; None if their parameters could not be matched.
        matched: its parameter → the other's, as they were compared.
        difference: the largest difference of the two modules' scores then; None as in `equal`.
    """

    title: str
    findings: tuple[Finding, ...]
    equal: bool | None
    matched: Mapping[str, str]
    difference: float | None

    @property
    def ok(self) -> bool:
        """True if nothing failed; notes do not count."""
        return not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that failed."""
        return tuple(finding for finding in self.findings if finding.passed is False)

    def __str__(self) -> str:
        if self.ok:
            end = "It behaves."
        else:
            checks = sum(finding.passed is not None for finding in self.findings)
            end = f"{len(self.failed)} of {checks} checks failed."
        return "\n".join((self.title, *map(str, self.findings), end))
