"""All pages: their links lead somewhere, their pictures need nothing from outside, their commands are ours."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bot.cli.main import cli
from tests.docs.page import PAGES, ROOT, commands, links, read

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    for link in links(page):
        file, _, heading = link.partition("#")
        if not file.startswith("https:"):
            target = (page.parent / file) if file else page
            assert target.exists(), link
            assert not heading or heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_needs_no_address_and_no_font_from_elsewhere(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|@import|@font-face|<script|<image", text)


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert set(PICTURES) <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_can_be_understood(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.MULTILINE))
    for command in commands(str(page.relative_to(ROOT))):
        words = shlex.split(command.rpartition(" | ")[2])
        program, *arguments = [word for word in words if not re.match(r"TOWNHALL_\w+=", word)]
        if program == "make":
            assert arguments[0] in targets, command
            arguments = shlex.split("".join(arguments[1:]).removeprefix("ARGS="))
        if arguments:
            understood(*arguments)


def understood(name: str, *arguments: str) -> None:
    """Read a command of ours without carrying it out; one that is wrong raises an error of click's."""
    cli.commands[name].make_context(name, list(arguments))
