"""The run-time type checker that the tests hold the package's annotations to."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, AbstractDtype, install_import_hook, jaxtyped

# As type checkers have it (PEP 484), an int will do where a float is asked for.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check_all(package: str) -> None:
    """Hold all functions of a package to their annotations, from when it is imported.

    jaxtyping binds the arguments of each call, and checks them twice, so that a shape's names mean
    the same throughout. Ten times as quick, beartype alone checks functions without shapes.
    """
    jaxtyping.jaxtyped = _checked  # type: ignore[assignment]
    install_import_hook(package, f"{__name__}.checked")


def _checked(*, typechecker: Any) -> Callable[[Any], Any]:
    def decorate(it: Any) -> Any:
        is_class = inspect.isclass(it) and dataclasses.is_dataclass(it)
        function = it.__init__ if is_class else it
        hints = _hints(function) if _returns_at_once(function) else None
        if hints is None or any(map(_has_shape, hints.values())):
            return jaxtyped(it, typechecker=typechecker)
        if not is_class:
            return _without_shapes(function, hints)
        if not hasattr(function, "__wrapped__"):  # else another class's, checked already
            it.__init__ = _without_shapes(function, hints)
        return it

    return decorate


def _returns_at_once(it: Any) -> bool:
    """Return True for a function that is not begun later, as generators are."""
    later = inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction
    return inspect.isfunction(it) and not any(kind(it) for kind in later)


def _without_shapes(function: Any, hints: Mapping[str, Any]) -> Any:
    written, function.__annotations__ = function.__annotations__, hints
    try:
        return checked(function)
    finally:
        function.__annotations__ = written


def _has_shape(hint: Any) -> bool:
    if inspect.isclass(hint) and issubclass(hint, (AbstractArray, AbstractDtype)):
        return True
    return any(map(_has_shape, get_args(hint)))


def _hints(function: Any) -> dict[str, Any]:
    """Return a function's annotations; as jaxtyping, anything for a name that is not known yet."""
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:
        return {name: _hint(hint, function) for name, hint in function.__annotations__.items()}


def _hint(written: Any, function: Any) -> Any:
    def alone() -> None:
        """Have one annotation."""

    alone.__annotations__ = {"it": written}
    try:
        return get_type_hints(alone, function.__globals__, include_extras=True)["it"]
    except Exception:
        return Any
