"""Things found by name: the package's own, and those that other packages add as entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from askattend.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """Named things of one kind, each imported when it is asked for.

    Another package adds one by an entry point in its ``pyproject.toml``; it cannot take a name of
    the package's own::

        [project.entry-points."askattend.readers"]
        mine = "my_package.my_module:READER"

    Attributes:
        group: the entry points' group, such as ``"askattend.readers"``.
        base: what each thing must be an instance, or as a class a subclass, of.
        own: name → ``"module:attribute"`` of the package's own.
    """

    group: str
    base: type[Any]
    own: Mapping[str, str]

    def names(self) -> list[str]:
        """List the names of the package's own things in the table's order, then those of others."""
        return list(dict.fromkeys((*self.own, *sorted(self._outside()))))

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every thing by name, but other packages' broken ones: `find` says what is wrong."""
        for name in self.names():
            with suppress(ConfigError):
                found = self.find(name)
                assert found is not None, "names() lists what find() knows"
                yield name, found

    def find(self, name: str) -> T | None:
        """Find the thing of this name; None if there is none.

        Raises:
            ConfigError: another package's entry point cannot be imported or is of another kind, or
                two packages give the name; names the packages.
        """
        if name in self.own:
            # Without a remedy: what fails in this package is a bug, whose traceback is wanted.
            return cast(T, EntryPoint(name, self.own[name], self.group).load())
        entries = self._outside().get(name)
        return None if entries is None else self._load(*entries)

    def _outside(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        # Looked up anew each time, which is quick: tests and notebooks may install on the way.
        for entry in entry_points(group=self.group):
            found.setdefault(entry.name, []).append(entry)
        return found

    def _load(self, entry: EntryPoint, *others: EntryPoint) -> T:
        where = f"'{entry.name}' ({_origin(entry)})"
        if others:
            also = ", ".join(map(_origin, others))
            raise ConfigError(
                f"the name is given by {also} too", where=where, remedy="Uninstall one of them."
            )
        try:
            found = entry.load()
        except Exception as error:  # whatever another package's module raises as it is imported
            problem = f"cannot be imported ({type(error).__name__}: {str(error).rstrip('.')})"
            raise ConfigError(problem, where=where, remedy="Mend or uninstall it.") from error
        if not isinstance(found, self.base) and not _subclass(found, self.base):
            raise ConfigError(
                f"is {type(found).__name__}, not {self.base.__name__}",
                where=where,
                remedy="Mend or uninstall it.",
            )
        return cast(T, found)


def _origin(entry: EntryPoint) -> str:
    """Name the package and its object: ``entry point of mine 1.0, my_package.my_module:READER``."""
    package = "" if entry.dist is None else f" of {entry.dist.name} {entry.dist.version}"
    return f"entry point{package}, {entry.value}"


def _subclass(found: object, base: type[Any]) -> bool:
    return isinstance(found, type) and issubclass(found, base)
