# ruff: noqa: INP001 - a hook of mkdocs, not a module of a package
"""Hook of mkdocs: adds the pages beside docs/ to the site, and fits their links to it.

README.md is the first page. Links to files that are no pages, such as source files, lead to the repository if `repo_url` is set
in mkdocs.yml, and are plain text otherwise.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
SITE_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
}
"""Pages beside docs/ and their places on the site."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages beside docs/."""
    for source, page in SITE_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace links that lead out of docs/, by the place of their target on the site or in the repository."""
    here = page.file.src_uri
    source = next((name for name, place in SITE_PAGES.items() if place == here), f"docs/{here}")

    def fitted(link: re.Match[str]) -> str:
        mark, text, address = link.groups()
        parts = urlsplit(address)
        if parts.scheme or not parts.path:
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), parts.path))
        place = SITE_PAGES.get(target, target.removeprefix("docs/") if target.startswith("docs/") else None)
        if place is not None:
            path = posixpath.relpath(place, posixpath.dirname(here) or ".")
            return f"{mark}[{text}]({path}{'#' + parts.fragment if parts.fragment else ''})"
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{target})" if config.repo_url else text

    return LINK.sub(fitted, markdown)
