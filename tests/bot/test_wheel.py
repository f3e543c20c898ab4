"""The wheel, as `uv tool install` and `pipx` install it: complete, and usable in a folder that has nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.docs.page import ROOT

PACKAGES = ("bot", "adapters", "orchestrator_bridge")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the wheel, unpacked, as an installer does it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("townhall-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def townhall(installed: Path, folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command from the unpacked wheel, not from this checkout."""
    program = "import sys, bot.cli.main; assert sys.argv.pop(1) in bot.cli.main.__file__; sys.exit(bot.cli.main.main())"
    return subprocess.run(
        [sys.executable, "-c", program, str(installed), *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(installed)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    missing = [name for name in listed.splitlines() if (ROOT / name).exists() and not (installed / name).exists()]
    assert not missing
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == set(PACKAGES)


def test_the_demo_runs_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    played = townhall(installed, tmp_path, "run", stdin="Do we release 2.0 on Friday?\n")
    assert played.returncode == 0, played.stderr
    assert "Run 1 finished" in played.stdout
    assert (tmp_path / "data" / "townhall.db").exists()
