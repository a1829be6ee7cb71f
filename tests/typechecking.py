"""The run-time type checker that the tests hold the package's annotations to."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# As type checkers have it (PEP 484), an int will do where a float is asked for.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
