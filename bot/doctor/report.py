"""The doctor's findings on paper."""

from __future__ import annotations

from dataclasses import asdict

import click

from bot.doctor.examine import run_checks
from bot.doctor.finding import Finding
from bot.tables import print_json
from orchestrator_bridge.text import clean

_MARKS = {"ok": "ok   ", "warn": "warn ", "wrong": "WRONG"}


async def print_report(online: bool, as_json: bool) -> int:
    """Print every finding as it is made, or all as one JSON object; returns the exit code: 1 if anything is wrong."""
    findings: list[Finding] = []
    async for finding in run_checks(online):
        findings.append(finding)
        if not as_json:
            _print_finding(finding)
    healthy = all(finding.state != "wrong" for finding in findings)
    if as_json:
        print_json({"ok": healthy, "findings": [asdict(finding) for finding in findings]})
    return 0 if healthy else 1


def _print_finding(finding: Finding) -> None:
    click.echo(clean(f"{_MARKS[finding.state]} {finding.about}: {finding.found}"))
    if finding.mend:
        click.echo(clean(f"      to mend: {finding.mend}"))
