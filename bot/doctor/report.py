"""`townhall doctor`: all checks in order, and their report."""

from __future__ import annotations

import platform
import sqlite3
from typing import TYPE_CHECKING

import click

from bot.app import LoadedConfig
from bot.config.errors import ConfigError
from bot.config.settings import Settings, load_settings
from bot.config.team_file import read_team_file
from bot.config.team_schema import TeamFile
from bot.doctor.checks import (
    check_folder,
    check_mcp_listener,
    check_platforms,
    check_processes,
    check_space,
    check_store,
    to_findings,
)
from bot.doctor.models import check_endpoints, check_models
from bot.doctor.probes import check_tool_modes
from bot.doctor.tools import check_tools
from bot.formatting import print_json
from orchestrator_bridge.chat.platform import Finding
from orchestrator_bridge.common.text import clean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def run_checks(online: bool = False, probe: bool = False) -> AsyncIterator[Finding]:
    """Run all checks, one after the other. A check that an earlier error makes impossible is reported as skipped."""
    yield Finding(about="python", state="ok", found=f"{platform.python_version()} with SQLite {sqlite3.sqlite_version}")
    try:
        settings = load_settings()
    except ConfigError as error:
        for finding in to_findings("settings", error):
            yield finding
        yield Finding(about="other checks", state="warn", found="skipped", fix="fix the settings first")
        return
    yield _settings_finding(settings)
    yield check_folder(settings.data)
    yield check_space(settings.data)
    for finding in [*await check_store(settings.location), *await check_processes(settings.location)]:
        yield finding
    async for finding in _team_and_models(settings, online, probe):
        yield finding


async def _team_and_models(settings: Settings, online: bool, probe: bool) -> AsyncIterator[Finding]:
    try:
        team_file = read_team_file(settings.team_file, must_exist=settings.names_team_file)
    except ConfigError as error:
        for finding in [*_spelling_findings(settings), *to_findings("team file", error)]:
            yield finding
        yield Finding(about="models", state="warn", found="skipped", fix="fix the team file first")
        return
    for finding in _spelling_findings(settings, team_file.key_variables):
        yield finding
    yield _team_finding(team_file)
    async for finding in _config_findings(LoadedConfig(settings=settings, team_file=team_file), online, probe):
        yield finding


async def _config_findings(start: LoadedConfig, online: bool, probe: bool) -> AsyncIterator[Finding]:
    """The checks that need valid settings and a valid team file: models, tools and platforms."""
    for finding in check_models(start):
        yield finding
    if online:
        for finding in await check_endpoints(start):
            yield finding
        async for finding in check_tool_modes(start, paid=probe):
            yield finding
    async for finding in check_tools(start):
        yield finding
    async for finding in check_mcp_listener(start):
        yield finding
    async for finding in check_platforms(start):
        yield finding


def _settings_finding(settings: Settings) -> Finding:
    secrets = settings.set_secrets()
    found = f"set: {', '.join(secrets)}" if secrets else "no token and no key is set"
    return Finding(about="settings", state="ok", found=found)


def _spelling_findings(settings: Settings, used: frozenset[str] = frozenset()) -> list[Finding]:
    return [Finding(about="settings", state="warn", found=warning) for warning in settings.warnings(used)]


def _team_finding(team_file: TeamFile) -> Finding:
    if team_file.file is None:
        return Finding(about="team file", state="ok", found="none; the scripted demo team is used")
    teams = ", ".join(f"{name} (default)" if name == team_file.default_team else name for name in team_file.teams)
    return Finding(about="team file", state="ok", found=f"{team_file.file}: teams {teams}")


_MARKS = {"ok": "ok   ", "warn": "warn ", "wrong": "WRONG"}


async def print_report(online: bool, as_json: bool, probe: bool = False) -> int:
    """Print each finding at once, or all as one JSON object; returns the exit code, 1 if anything is wrong."""
    findings: list[Finding] = []
    async for finding in run_checks(online or probe, probe):
        findings.append(finding)
        if not as_json:
            click.echo(clean(f"{_MARKS[finding.state]} {finding.about}: {finding.found}"))
            if finding.fix:
                click.echo(clean(f"      fix: {finding.fix}"))
    healthy = all(finding.state != "wrong" for finding in findings)
    if as_json:
        # The key "mend" is older than the field's name; programs read it.
        objects = [
            {"about": finding.about, "state": finding.state, "found": finding.found, "mend": finding.fix} for finding in findings
        ]
        print_json({"ok": healthy, "findings": objects})
    return 0 if healthy else 1
