"""Slack: are the tokens taken, the scopes there, is the bot in a channel, does the workspace know those in the team file?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from adapters.slack.checkup import SlackDiagnostics
    from bot.start import LoadedConfig

_REINSTALL = "compare the app with `townhall setup slack`, then reinstall it to the workspace"


async def check_slack(start: LoadedConfig) -> AsyncIterator[Finding]:
    """Findings about Slack; none if it is not set up. Slack is asked, and nothing there is changed."""
    settings = start.settings
    if settings.slack_bot_token is None:
        for name in ("SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
            if getattr(settings, name.lower()) is not None:
                yield Finding(about="slack", state="wrong", found=f"{name} without SLACK_BOT_TOKEN", mend="set SLACK_BOT_TOKEN")
        return
    from adapters.slack.checkup import diagnose
    from orchestrator_bridge.chat import NotSent, SendRejected

    people = [person.slack for person in start.team_file.people.values() if person.slack]
    try:
        seen = await diagnose(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, people)
    except (NotSent, SendRejected) as error:
        yield Finding(about="slack", state="wrong", found=str(error), mend="see to this first; the rest was not looked at")
        return
    for finding in _slack_findings(seen):
        yield finding
    yield await _transport_finding(start)
    yield _events_finding(start)


def _slack_findings(seen: SlackDiagnostics) -> Iterator[Finding]:
    where = f"bot {seen.workspace.user} in {seen.workspace.url or seen.workspace.team}"
    yield Finding(about="slack", state="ok", found=where)
    yield _scopes_finding(seen)
    yield _slack_channels_finding(seen)
    for user in seen.unknown:
        mend = "correct it under [people] in the team file; a person's profile in Slack has her member id"
        yield Finding(about="slack people", state="wrong", found=f"the workspace knows nobody with the id {user}", mend=mend)


def _scopes_finding(seen: SlackDiagnostics) -> Finding:
    from adapters.slack.manifest import BOT_SCOPES

    if not seen.missing:
        return Finding(about="slack scopes", state="ok", found=f"all {len(BOT_SCOPES)} are there")
    lacking = "; ".join(f"{scope} (to {BOT_SCOPES[scope]})" for scope in seen.missing)
    needed = "chat:write" in seen.missing or any(scope.endswith(":history") for scope in seen.missing)
    return Finding(about="slack scopes", state="wrong" if needed else "warn", found=f"missing: {lacking}", mend=_REINSTALL)


def _slack_channels_finding(seen: SlackDiagnostics) -> Finding:
    if seen.channels is None:
        return Finding(about="slack channels", state="warn", found="the bot may not ask in which it is", mend=_REINSTALL)
    if not seen.channels:
        mend = "type /invite @Townhall in a channel; direct messages work without"
        return Finding(about="slack channels", state="warn", found="the bot is in none", mend=mend)
    shown = ", ".join(f"#{name}" for name in seen.channels[:10])
    more = f" and {len(seen.channels) - 10} more" if len(seen.channels) > 10 else ""
    return Finding(about="slack channels", state="ok", found=f"the bot is in {shown}{more}")


async def _transport_finding(start: LoadedConfig) -> Finding:
    """How Slack's events come to us."""
    settings = start.settings
    if settings.slack_app_token is not None:
        return await _socket_mode_finding(settings.slack_app_token.get_secret_value(), settings.slack_api_url)
    if settings.slack_signing_secret is not None:
        found = f"HTTP mode on port {settings.http_port}, path /slack/events; your proxy has to lead there"
        return Finding(about="slack events", state="ok", found=found)
    mend = "set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)"
    return Finding(about="slack events", state="wrong", found="there is no way in: neither token nor secret", mend=mend)


async def _socket_mode_finding(token: str, url: str | None) -> Finding:
    from adapters.slack.checkup import check_socket_mode
    from orchestrator_bridge.chat import NotSent, SendRejected

    try:
        await check_socket_mode(token, url)
    except (NotSent, SendRejected) as error:
        mend = "make an app-level token with the scope connections:write, switch Socket Mode on, set SLACK_APP_TOKEN"
        return Finding(about="slack events", state="wrong", found=f"Socket Mode: {error}", mend=mend)
    return Finding(about="slack events", state="ok", found="Socket Mode is open to the app token")


def _events_finding(start: LoadedConfig) -> Finding:
    """Which events an app gets is shown to its owner only, so this can but remind."""
    from adapters.slack.manifest import BOT_EVENTS

    found = f"Slack tells a bot not which events it gets; needed are {', '.join(BOT_EVENTS)}"
    return Finding(about="slack subscriptions", state="ok", found=found)
