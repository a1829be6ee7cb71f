"""Check the links of a built site: each page, picture and place in a page that is named is there.

Usage: python tools/check_site.py [build/site] [--external]

Addresses elsewhere are counted, and listed with --external: no network is asked.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Page(HTMLParser):
    """Places and links of a page.

    Attributes:
        places: the ids in it.
        links: what it names by href or src.
    """

    places: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names, and what it is called."""
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.places.add(value)
            elif value and name in ("href", "src"):
                self.links.append(value)


@cache
def read(file: Path) -> Page:
    """Read a page, once."""
    page = Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def broken(site: Path) -> Iterator[str]:
    """Yield each link that leads nowhere, with its page."""
    for file in sorted(site.rglob("*.html")):
        for link in read(file).links:
            if not _elsewhere(link) and not _leads(file, link):
                yield f"{file.relative_to(site)}: {link}"


def elsewhere(site: Path) -> set[str]:
    """Return the addresses that lead out of the site."""
    links = {link for file in site.rglob("*.html") for link in read(file).links}
    return {link for link in links if _elsewhere(link)}


def _elsewhere(link: str) -> bool:
    return bool(urlsplit(link).scheme or link.startswith("//"))


def _leads(file: Path, link: str) -> bool:
    path, place = urldefrag(link)
    target = file.parent / unquote(urlsplit(path).path) if path else file
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return False
    return not place or target.suffix != ".html" or unquote(place) in read(target).places


def main(words: list[str] | None = None) -> int:
    """Print what is broken; the status is 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, nargs="?", default=ROOT / "build" / "site")
    parser.add_argument("--external", action="store_true")
    options = parser.parse_args(words)
    if not (options.site / "index.html").exists():
        print(f"{options.site}: no site here", file=sys.stderr)
        return 1
    found, others = list(broken(options.site)), sorted(elsewhere(options.site))
    print("\n".join([*(others if options.external else ()), *found]), end="\n" * bool(found))
    print(f"{len(found)} links lead nowhere; {len(others)} addresses elsewhere were not asked")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
