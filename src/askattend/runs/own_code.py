"""Python of somebody's own that a run keeps beside its weights, and whether it may be run here."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from askattend.errors import ConfigError, RunError, UntrustedCodeError, did_you_mean, reason_of
from askattend.files import append, make_folder, read_whole

FORM = "FILE.py:NAME"
_ALONE = "It must stand by itself: beside it, only installed packages can be imported."


@dataclass(frozen=True)
class OwnCode:
    """A module's source, and the name of what makes an attention in it.

    Attributes:
        name: of the class, or of a function that returns a module.
        source: of the whole file.
        file: where the source was read, for messages.
    """

    name: str
    source: str
    file: Path = field(compare=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the name and the source, in hexadecimal digits."""
        return hashlib.sha256(f"{self.name}\0{self.source}".encode()).hexdigest()

    @property
    def text(self) -> str:
        """The name as a command takes it: ``"FILE.py:NAME"``."""
        return f"{self.file}:{self.name}"

    @classmethod
    def read(cls, file: Path, name: str) -> OwnCode:
        """Read a file, without running it.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return cls(name, read_whole(file).decode(), file)
        except (OSError, UnicodeDecodeError) as error:
            problem = f"cannot be read ({reason_of(error)})"
            remedy = f"Write attention as {FORM}."
            raise ConfigError(problem, where=file, remedy=remedy) from None

    @classmethod
    def named(cls, place: str) -> OwnCode:
        """Read the code that ``"FILE.py:NAME"`` names.

        Raises:
            ConfigError: it is not written so, or the file cannot be read.
        """
        file, colon, name = place.rpartition(":")
        if not colon or not file or not name.isidentifier():
            remedy = f"Write it as {FORM}, such as my_attention.py:MyAttention."
            raise ConfigError(
                f"'{place}' names no class in a file", where="attention", remedy=remedy
            )
        return cls.read(Path(file).expanduser(), name)

    @classmethod
    def of(cls, attention: str | Callable[..., nn.Module]) -> OwnCode:
        """Read the code of a class or function, or of what ``"FILE.py:NAME"`` names.

        Raises:
            ConfigError: it was not defined at the top of a file; or see `named`.
        """
        if isinstance(attention, str):
            return cls.named(attention)
        name = getattr(attention, "__qualname__", type(attention).__name__)
        if getattr(attention, "__module__", "") == "__main__":
            raise ConfigError(
                f"'{name}' is defined in the script that runs, which would run again within itself",
                where="attention",
                remedy=f"Write it into a file of its own, and import it or name it {FORM}.",
            )
        try:
            file = Path(inspect.getsourcefile(attention) or "")
        except TypeError:
            file = Path()
        if not name.isidentifier() or not file.is_file():
            raise ConfigError(
                f"'{name}' is not defined at the top of a file, which a run could keep",
                where="attention",
                remedy=f"Write it into a file (in a notebook: %%writefile), and name it {FORM}.",
            )
        return cls.read(file, name)

    def make(self, sizes: Mapping[str, Any]) -> nn.Module:
        """Run the code, and make a module.

        Args:
            sizes: what its constructor may ask for, by the name of the argument.

        Raises:
            UntrustedCodeError: nobody here has agreed to run this code.
            ConfigError: it fails, has no such name, or asks for something else.
        """
        maker = self._maker()
        try:
            wanted = inspect.signature(maker).parameters.values()
            given = {p.name: sizes[p.name] for p in wanted if p.name in sizes}
            unknown = [p.name for p in wanted if p.name not in sizes and _needed(p)]
            if unknown:
                problem = f"asks for '{unknown[0]}', which is not known"
                remedy = f"Give it a default, or ask for some of: {', '.join(sizes)}."
                raise ConfigError(problem, where=self.text, remedy=remedy)
            made = maker(**given)
        except ConfigError:
            raise
        except Exception as error:  # whatever somebody's own constructor raises
            raise self._failed("cannot be made", error) from error
        if not isinstance(made, nn.Module):
            problem = f"makes {type(made).__name__}, not a torch.nn.Module"
            raise ConfigError(problem, where=self.text, remedy="Subclass torch.nn.Module.")
        return made

    def _maker(self) -> Callable[..., Any]:
        if not is_trusted(self):
            raise UntrustedCodeError(self.file, self.name, self.digest)
        module = ModuleType(f"askattend_own_{self.digest[:16]}")
        module.__file__ = str(self.file)
        # Where dataclasses and type hints look a class's module up.
        sys.modules[module.__name__] = module
        try:
            exec(compile(self.source, str(self.file), "exec"), vars(module))
        except Exception as error:  # whatever somebody's own module raises
            raise self._failed("cannot be imported", error, _ALONE) from error
        maker = getattr(module, self.name, None)
        if not callable(maker):
            own = [
                n
                for n, v in vars(module).items()
                if isinstance(v, type) and v.__module__ == module.__name__
            ]
            remedy = did_you_mean(self.name, own) if own else "Define it there."
            raise ConfigError(f"has no '{self.name}'", where=self.file, remedy=remedy)
        return maker  # type: ignore[no-any-return]

    def _failed(self, what: str, error: Exception, remedy: str = "") -> ConfigError:
        problem = f"{what} ({type(error).__name__}: {str(error).rstrip('.')})"
        return ConfigError(problem, where=self.text, remedy=remedy)


def read_attention(file: Path, config: Mapping[str, Any]) -> OwnCode | None:
    """Read the code of a run's own attention, without running it; None where it has none.

    Raises:
        RunError: the settings name one, and the file is missing.
    """
    name = config.get("attention") or None
    if name is None:
        return None
    if not file.is_file():
        raise RunError("missing", where=file, remedy="Copy the whole run folder.")
    return OwnCode.read(file, str(name))


def is_trusted(code: OwnCode) -> bool:
    """Return True if the code was trained or agreed to by this user, in just these words."""
    return _agreed(code.digest)


def _agreed(digest: str) -> bool:
    try:
        return digest in _trusted_file().read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError, RuntimeError):  # the last: there is no home folder
        return False


def trust(digest: str) -> None:
    """Remember that this user agrees to run the code of a digest.

    Raises:
        RunError: it cannot be remembered.
    """
    if _agreed(digest):
        return
    try:
        file = _trusted_file()
    except RuntimeError:
        raise RunError(
            "no home folder in which to remember whose code may be run",
            remedy="Name a folder for it in the environment variable XDG_STATE_HOME.",
        ) from None
    try:
        make_folder(file.parent)
        append(file, f"{digest}\n".encode())
    except OSError as error:
        problem = f"cannot be written ({error.strerror}), to remember whose code may be run"
        remedy = "Set XDG_STATE_HOME to a folder that can be."
        raise RunError(problem, where=file, remedy=remedy) from None


def _trusted_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "askattend" / "trusted_code"


def _needed(parameter: inspect.Parameter) -> bool:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in variable
