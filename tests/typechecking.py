"""The run-time type checker that the tests hold the package's annotations to."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, AbstractDtype, install_import_hook, jaxtyped

# As type checkers have it (PEP 484), an int will do where a float is asked for.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
# Within it the names of shapes mean the same.
_SHAPES = jaxtyped("context")


def check_all(package: str) -> None:
    """Hold all functions of a package to their annotations, from when it is imported.

    What checks a function is made when it is called first: making all takes longer than importing.
    jaxtyping's own decorator would bind the arguments of each call, and check them twice; its
    context around beartype's checks them once.
    """
    jaxtyping.jaxtyped = _checked  # type: ignore[assignment]
    install_import_hook(package, f"{__name__}.checked")


def _checked(*, typechecker: Any) -> Callable[[Any], Any]:
    def decorate(it: Any) -> Any:
        if inspect.isfunction(it):
            return _when_called(it, lambda: _check_of(it, typechecker))
        init = it.__init__
        is_dataclass: bool = dataclasses.is_dataclass(it)  # mypy would take `it` for one
        if not (is_dataclass and inspect.isfunction(init)):
            return jaxtyped(it, typechecker=typechecker)
        if any(map(_has_shape, _hints(init).values())):
            return jaxtyped(it, typechecker=typechecker)
        if not hasattr(init, "__wrapped__"):  # else another class's, checked already
            it.__init__ = _when_called(init, lambda: _check_of(init, typechecker))
        return it

    return decorate


def _when_called(function: Any, make: Callable[[], Any]) -> Any:
    check = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal check
        if check is None:
            check = make()
        return check(*args, **kwargs)

    return call


def _check_of(function: Any, typechecker: Any) -> Any:
    if not _returns_at_once(function):
        return jaxtyped(function, typechecker=typechecker)
    hints = _hints(function)
    check = _with_hints(function, hints)
    return _in_context(check) if any(map(_has_shape, hints.values())) else check


def _returns_at_once(it: Any) -> bool:
    """Return True for a function that is not begun later, as generators are."""
    later = inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction
    return not any(kind(it) for kind in later)


def _with_hints(function: Any, hints: Mapping[str, Any]) -> Any:
    written, function.__annotations__ = function.__annotations__, hints
    try:
        return checked(function)
    finally:
        function.__annotations__ = written


def _in_context(check: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with _SHAPES:
            return check(*args, **kwargs)

    return call


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
