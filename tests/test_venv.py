"""Setup of a fresh machine, with a fake Python that records its arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "cat", "cksum", "cp", "dirname", "kill", "mkdir", "rm", "sleep", "tr")
PYTHON = """#!/bin/sh
echo "$@" >>calls
case "$*" in
*version_info*) [ ! -f old ] ;;
*ensurepip*) [ ! -f bare ] ;;
*python_version*) if [ -f old ]; then echo 3.9.2; else echo 3.12.1; fi ;;
"-m venv "*) rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*--require-hashes*) [ ! -f offline ] ;;
esac
"""


class Checkout:
    """A copy of what the set-up reads, on a machine with nothing but a few tools and one Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder.parent / "bin"
        (folder / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "venv.sh", folder / "scripts")
        for name in ("pyproject.toml", "requirements.lock", "requirements-vertex.lock", "requirements-dev.lock"):
            (folder / name).write_text(name)
        self.bin.mkdir(exist_ok=True)
        for tool in TOOLS:
            found = shutil.which(tool)
            if found and not (self.bin / tool).exists():
                (self.bin / tool).symlink_to(found)
        (self.bin / "python3").write_text(PYTHON)
        (self.bin / "python3").chmod(0o755)

    def set_up(self, what: str = "run") -> subprocess.CompletedProcess[str]:
        (self.folder / "calls").unlink(missing_ok=True)
        command = [str(self.folder / "scripts" / "venv.sh"), what]
        return subprocess.run(command, env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> str:
        calls = self.folder / "calls"
        return calls.read_text() if calls.exists() else ""

    @property
    def stamps(self) -> list[str]:
        return sorted(stamp.name.partition("-")[0] for stamp in self.folder.glob(".venv/*.stamp"))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "townhall")


def test_the_first_start_installs_the_lock_with_hashes_and_the_second_does_nothing(checkout: Checkout) -> None:
    first = checkout.set_up()
    assert (first.returncode, first.stdout) == (0, "")
    assert "setting up .venv with Python 3.12.1 from requirements.lock" in first.stderr
    assert "-m venv --clear .venv" in checkout.calls
    assert "--require-hashes -r requirements.lock" in checkout.calls
    second = checkout.set_up()
    assert (second.returncode, second.stdout, second.stderr, checkout.calls) == (0, "", "", "")


def test_the_test_packages_are_added_and_the_bot_starts_with_them(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.set_up("dev")
    assert "-m venv" not in checkout.calls
    assert "-r requirements-dev.lock" in checkout.calls
    checkout.set_up()
    assert checkout.calls == ""
    assert checkout.stamps == ["dev"]


def test_the_packages_for_vertex_ai_are_added_and_kept_after_updates_and_moves(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.set_up("vertex")
    assert "-m venv" not in checkout.calls
    assert "--require-hashes -r requirements-vertex.lock" in checkout.calls
    assert checkout.set_up().returncode == 0
    assert (checkout.calls, checkout.stamps) == ("", ["vertex"])
    (checkout.folder / "requirements-vertex.lock").write_text("newer")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.set_up()
    assert "-r requirements-vertex.lock" in checkout.calls


def test_a_failed_install_leaves_no_stamp_and_the_next_start_installs_again(checkout: Checkout) -> None:
    (checkout.folder / "offline").touch()
    failed = checkout.set_up()
    assert failed.returncode == 1
    assert "the packages of requirements.lock could not be installed" in failed.stderr
    assert checkout.stamps == []
    (checkout.folder / "offline").unlink()
    assert checkout.set_up().returncode == 0
    assert "-m venv --clear" in checkout.calls
    assert checkout.stamps == ["run"]


def test_an_install_that_was_killed_is_repeated_even_with_a_stamp(checkout: Checkout) -> None:
    checkout.set_up()
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout
    (checkout.folder / ".venv.installing").write_text(gone)
    checkout.set_up()
    assert "-m venv --clear" in checkout.calls
    assert not (checkout.folder / ".venv.installing").exists()


def test_a_second_start_waits_for_the_first(checkout: Checkout) -> None:
    checkout.set_up()
    busy = checkout.folder / ".venv.installing"
    busy.write_text(str(os.getpid()))
    command = [str(checkout.folder / "scripts" / "venv.sh")]
    with subprocess.Popen(command, env={"PATH": str(checkout.bin)}, stderr=subprocess.PIPE, text=True) as second:
        assert second.stderr is not None
        assert f"process {os.getpid()} is building .venv; waiting for it" in second.stderr.readline()
        busy.unlink()
        assert second.wait() == 0


def test_a_changed_lock_is_installed(checkout: Checkout) -> None:
    checkout.set_up()
    (checkout.folder / "requirements.lock").write_text("newer")
    assert "updating .venv from requirements.lock" in checkout.set_up().stderr
    assert checkout.stamps == ["run"]


def test_a_checkout_that_was_moved_is_set_up_again(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.set_up()
    assert "-m venv --clear" in checkout.calls


def test_a_python_that_is_too_old_is_reported_with_the_version_needed(checkout: Checkout) -> None:
    (checkout.folder / "old").touch()
    refused = checkout.set_up()
    assert refused.returncode == 1
    assert "Python 3.11 or newer is needed; found: python3 (3.9.2)." in refused.stderr
    assert not (checkout.folder / ".venv").exists()


def test_a_missing_venv_module_is_reported_with_the_package_to_install(checkout: Checkout) -> None:
    (checkout.folder / "bare").touch()
    refused = checkout.set_up()
    assert refused.returncode == 1
    assert "apt install python3-venv" in refused.stderr
    assert not (checkout.folder / ".venv").exists()


def test_a_machine_without_python_is_reported(checkout: Checkout) -> None:
    (checkout.bin / "python3").unlink()
    assert "Python 3.11 or newer is needed; found: none." in checkout.set_up().stderr
