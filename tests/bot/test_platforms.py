"""Platforms of other packages: found by their entry points, and used without a change in the bot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bot.config.platforms import load_platforms
from orchestrator_bridge.chat.platform import ENTRY_POINT_GROUP
from tests.docs.page import ROOT

EXAMPLE = ROOT / "examples" / "adapter"
TEAM = """\
[people.ana]
lines = "ana"
[[team.quick.agents]]
name = "asker"
model = "scripted/play"
"""
PLAY = """\
[[agents."*"]]
unused = ["ask_others"]
[[agents."*".calls]]
tool = "ask_others"
[agents."*".calls.arguments]
question = "Now or later?"
kind = "choice"
options = [{ id = "now", label = "Now", recommended = true }, { id = "later", label = "Later" }]
assumption = "Now will do."
to = ["@ana"]
[[agents."*"]]
text = "Done: {task} ({reply})"
"""


FRAGILE = """
from adapters.terminal.platform import TerminalPlatform

class Fragile(TerminalPlatform):
    name, title, local = "fragile", "Fragile", False

    def create_adapter(self, settings, context, autocomplete):
        return {}["port"]

PLATFORM = Fragile()
"""


def install(site: Path, package: str, entry_points: dict[str, str]) -> None:
    """Install a package as far as its metadata goes: what `pip install` writes beside its modules."""
    info = site / f"{package.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {package}\nVersion: 0.1.0\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINT_GROUP}]", *lines, ""]))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a Unix socket has at most about 100 characters."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    """An environment in which the example and a broken package are installed, and no other platform is configured."""
    example = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(folder / "site", example["name"], example["entry-points"][ENTRY_POINT_GROUP])
    install(folder / "site", "townhall-broken", {"broken": "no_such_module:PLATFORM"})
    (folder / "townhall.toml").write_text(TEAM)
    (folder / "play.toml").write_text(PLAY)
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_TOKEN", "_KEY"))}
    path = os.pathsep.join(map(str, (ROOT, EXAMPLE, folder / "site")))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "LINES_SOCKET": str(folder / "lines.sock")}


def townhall(environ: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)


async def test_a_run_on_an_installed_platform_asks_and_is_answered(environ: dict[str, str], folder: Path) -> None:
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", cwd=folder, env=environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    assert bot.stdout is not None
    assert b"on the line chat. Ctrl-C stops it." in await bot.stdout.readline()
    reader, writer = await asyncio.open_unix_connection(folder / "lines.sock")
    writer.write(b"Ana\n/ask ship it\n")
    seen = await reader.readuntil(b"This is for you.")
    assert b"Now or later?" in seen
    writer.write(b"question-1 later\n")
    seen += await reader.readuntil(b"Answer of run 1, by asker: Done: ship it (later)")
    bot.send_signal(signal.SIGTERM)
    _, errors = await bot.communicate()
    writer.close()
    assert bot.returncode == 0
    assert b"the platform 'broken' of townhall-broken 0.1.0 cannot be used: ModuleNotFoundError" in errors


def test_an_adapter_that_cannot_be_created_ends_the_start_with_an_error(environ: dict[str, str], folder: Path) -> None:
    (folder / "fragile.py").write_text(FRAGILE)
    install(folder / "site", "townhall-fragile", {"fragile": "fragile:PLATFORM"})
    ended = townhall({**environ, "PYTHONPATH": f"{environ['PYTHONPATH']}{os.pathsep}{folder}"}, folder, "run")
    assert ended.returncode == 1
    assert "townhall: Fragile could not be started\n  platform fragile\n    found:    KeyError: 'port'\n" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_doctor_names_a_broken_package_and_checks_the_others(environ: dict[str, str], folder: Path) -> None:
    report = townhall(environ, folder, "doctor")
    assert report.returncode == 1
    assert "WRONG platforms: the platform 'broken' of townhall-broken 0.1.0 cannot be used" in report.stdout
    assert "ok    lines: people join with nc -U" in report.stdout


def test_setup_has_a_command_for_each_usable_platform(environ: dict[str, str], folder: Path) -> None:
    assert "Set LINES_SOCKET=" in townhall(environ, folder, "setup", "lines").stdout
    assert townhall(environ, folder, "setup", "broken").returncode == 2


def test_an_id_on_a_platform_that_is_not_installed_is_an_unknown_key(environ: dict[str, str], folder: Path) -> None:
    (folder / "townhall.toml").write_text(TEAM.replace("lines", "matrix"))
    report = townhall(environ, folder, "doctor").stdout
    assert "unknown key 'matrix'" in report
    assert "one of: discord, lines, slack, time_zone, quiet" in report


def test_finding_the_platforms_imports_no_client_library() -> None:
    script = (
        "import sys; from bot.config.platforms import installed_platforms\n"
        "assert {'discord', 'slack', 'terminal'} <= set(installed_platforms().usable)\n"
        "print([name for name in ('discord', 'slack_bolt', 'slack_sdk', 'prompt_toolkit', 'aiohttp') if name in sys.modules])"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=ENTRY_POINT_GROUP)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("gone", "no_such_module:PLATFORM", "ModuleNotFoundError"),
        ("gone", "adapters.discord.platform:NOTHING", "AttributeError"),
        ("gone", "adapters.discord.platform:DiscordSettings", "expected a Platform object"),
        ("other", "adapters.discord.platform:PLATFORM", "expected 'other', the name of its entry point"),
    ],
)
def test_an_entry_point_that_leads_to_no_platform_is_reported_and_affects_no_other(name: str, value: str, reason: str) -> None:
    found = load_platforms([entry(name, value), entry("slack", "adapters.slack.platform:PLATFORM")])
    assert list(found.usable) == ["slack"]
    (broken,) = found.broken
    assert reason in broken.reason


def test_the_second_package_with_a_name_is_reported() -> None:
    found = load_platforms([entry("slack", "adapters.slack.platform:PLATFORM")] * 2)
    assert list(found.usable) == ["slack"]
    assert "another package provides a platform of this name" in found.broken[0].reason
