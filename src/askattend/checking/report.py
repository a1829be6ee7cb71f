"""What a check found."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

_MARKS = {True: "✓", False: "✗", None: "·"}


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes:
        name: what was tried, in a word or two.
        passed: whether it behaves; None for a note, which is neither right nor wrong.
        explanation: what was seen and, where it failed, what is likely to mend it.
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
    """What `askattend.check` found; printed, a list with ✓, ✗ and · (a note).

    Attributes:
        title: the module and the sizes it was tried with.
        findings: everything that was tried, in order.
        equal: whether it is the same function as the one it was compared with, given the same
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
        """Whether nothing failed; notes do not count."""
        return not self.failed

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings that failed."""
        return tuple(finding for finding in self.findings if finding.passed is False)

    def __str__(self) -> str:
        if self.ok:
            end = "It behaves."
        else:
            tried = sum(finding.passed is not None for finding in self.findings)
            end = f"{len(self.failed)} of {tried} checks failed."
        return "\n".join((self.title, *map(str, self.findings), end))
