"""The documentation as a site: `make docs` builds every page, and a broken link fails it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.page import ROOT


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Carry out what `make docs` does, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_the_pages(folder: Path) -> Path:
    for name in ("mkdocs.yml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        shutil.copy(ROOT / name, folder)
    for name in ("docs", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def test_the_site_has_every_page_and_no_font_from_elsewhere(tmp_path: Path) -> None:
    root = copy_of_the_pages(tmp_path)
    built = build(root)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {path.relative_to(root / "docs").with_suffix(".html") for path in (root / "docs").rglob("*.md")}
    pages.discard(Path("decisions/README.html"))  # a folder's README is its index
    assert all((root / "site" / page).exists() for page in pages)
    index = (root / "site" / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in index
    assert 'href="questions.html' in index


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    root = copy_of_the_pages(tmp_path)
    page = root / "docs" / "costs.md"
    page.write_text(page.read_text(encoding="utf-8") + "\nSee [nothing](nowhere.md).\n", encoding="utf-8")
    built = build(root)
    assert built.returncode == 1
    assert "nowhere.md" in built.stdout + built.stderr
