"""Things found by name, in this package and in others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from askattend.errors import ConfigError
from askattend.registry import Registry

GROUP = "askattend.tests"
OWN = {"half": "fractions:Fraction", "third": "decimal:Decimal"}


@pytest.fixture
def registry() -> Registry[type[Fraction]]:
    return Registry(GROUP, Fraction, OWN)


def test_own_names_come_first_and_cannot_be_taken(
    registry: Registry[type[Fraction]], install_package: Callable[..., Path]
) -> None:
    assert registry.names() == ["half", "third"]
    install_package("takes_half", "", group=GROUP, name="half", value="takes_half:NOTHING")
    install_package("has_more", "", group=GROUP, name="fifth", value="has_more:NOTHING")
    assert registry.names() == ["half", "third", "fifth"]
    assert registry.find("half") is Fraction


def test_another_package_adds_an_instance_or_a_class(
    registry: Registry[type[Fraction]], install_package: Callable[..., Path]
) -> None:
    source = "from fractions import Fraction\nclass Fifth(Fraction): ...\nFIFTH = Fifth(1, 5)\n"
    install_package("fifths", source, group=GROUP, name="fifth", value="fifths:FIFTH")
    install_package("more_fifths", source, group=GROUP, name="class", value="more_fifths:Fifth")
    assert registry.find("fifth") == Fraction(1, 5)
    found = registry.find("class")
    assert found is not None
    assert issubclass(found, Fraction)


def test_an_unknown_name_is_not_found(registry: Registry[type[Fraction]]) -> None:
    assert registry.find("fifth") is None


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [
        (
            "import no_such_module",
            "broken:X",
            r"'fifth' \(entry point of broken 1\.0, broken:X\): cannot be imported "
            r"\(ModuleNotFoundError: No module named 'no_such_module'\)\. Mend or uninstall it\.",
        ),
        ("1 / 0", "broken:X", r"broken:X\): cannot be imported \(ZeroDivisionError: division by"),
        ("", "broken:X", r"broken:X\): cannot be imported \(AttributeError: .*'X'\)"),
        ("X = 'five'", "broken:X", r"broken:X\): is str, not Fraction\. Mend or uninstall it\."),
    ],
)
def test_a_broken_entry_point_is_named(
    registry: Registry[type[Fraction]],
    install_package: Callable[..., Path],
    source: str,
    value: str,
    message: str,
) -> None:
    install_package("broken", source, group=GROUP, name="fifth", value=value)
    assert "fifth" in registry.names()
    with pytest.raises(ConfigError, match=message):
        registry.find("fifth")


def test_a_name_that_two_packages_give_is_refused(
    registry: Registry[type[Fraction]], install_package: Callable[..., Path]
) -> None:
    for module in ("one_fifth", "other_fifth"):
        install_package(module, "", group=GROUP, name="fifth", value=f"{module}:X")
    with pytest.raises(ConfigError, match=r"_fifth:X\): the name is given by .*_fifth:X too\. Un"):
        registry.find("fifth")
