"""Slack as a platform: settings, adapter, checks of `townhall doctor`, and `townhall setup slack`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, SecretStr

from orchestrator_bridge.chat.adapter import Adapter, Autocomplete, DeliveryError
from orchestrator_bridge.chat.platform import (
    Finding,
    InvalidPlatformSettings,
    Platform,
    PlatformContext,
    SetupGuide,
    SetupOption,
)
from orchestrator_bridge.common.settings import EnvironmentSettings, Port, Secret, WebAddress
from orchestrator_bridge.common.text import shorten

if TYPE_CHECKING:
    from adapters.slack.manifest import SlackDiagnostics


def _token_prefix(prefix: str, name: str) -> AfterValidator:
    """Require the beginning by which Slack's tokens differ; a token of the wrong kind is the usual mistake."""

    def check(secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if not text.startswith(prefix):
            kind = text[:5] if text.startswith(("xox", "xapp-")) else ""
            found = f"a token that begins with {kind!r}" if kind else "a value that is not a Slack token"
            raise ValueError(f"{found}; expected {name}, which begins with {prefix!r}")
        return secret

    return AfterValidator(check)


class SlackSettings(EnvironmentSettings):
    """Slack's environment variables. An app token selects Socket Mode, a signing secret without one HTTP mode."""

    slack_bot_token: Annotated[Secret, _token_prefix("xoxb-", "a bot token")] | None = None
    slack_app_token: Annotated[Secret, _token_prefix("xapp-", "an app-level token")] | None = None
    slack_signing_secret: Secret | None = None
    slack_api_url: WebAddress | None = None
    http_host: Annotated[str, Field(alias="TOWNHALL_HTTP_HOST")] = "127.0.0.1"
    """Address on which HTTP mode listens."""
    http_port: Annotated[Port, Field(alias="TOWNHALL_HTTP_PORT")] = 3000
    """Port of HTTP mode."""


class SlackPlatform(Platform[SlackSettings]):
    """Slack, through a bot token and either Socket Mode or HTTP mode."""

    name = "slack"
    title = "Slack"
    channel_id = re.compile(r"[CGD][A-Z0-9]+")
    channel_example = "C0123ABCD"
    person_id = re.compile(r"[UWB][A-Z0-9]+")
    person_example = "U0123ABCD"
    role_id = re.compile(r"S[A-Z0-9]+")
    role_example = "S0123ABCD"
    id_help = "Slack: About this channel, Copy member ID in a profile, or Copy group ID of a user group"
    settings_model = SlackSettings
    setup_help = "Print the app manifest to paste at api.slack.com/apps."
    setup_options = (
        SetupOption(
            name="url", help="For HTTP mode: the public address that leads to this bot, such as https://bot.example/slack/events."
        ),
    )
    setup_secrets = (
        SetupOption(name="SLACK_BOT_TOKEN", help="Install App, Bot User OAuth Token, xoxb-…"),
        SetupOption(name="SLACK_APP_TOKEN", help="Basic Information, App-Level Tokens, xapp-…"),
    )

    def configured(self, settings: SlackSettings) -> bool:
        """True with a bot token."""
        return settings.slack_bot_token is not None

    def create_adapter(self, settings: SlackSettings, context: PlatformContext, autocomplete: Autocomplete) -> Adapter:
        """Create the adapter; the bot token must be set.

        Raises:
            InvalidPlatformSettings: there is no way for Slack's events to arrive.
        """
        from adapters.slack.adapter import SlackAdapter
        from adapters.slack.api import SLACK
        from adapters.slack.session import SlackConfig

        if settings.slack_app_token is None and settings.slack_signing_secret is None:
            raise InvalidPlatformSettings(
                "Slack cannot reach the bot",
                where="SLACK_BOT_TOKEN",
                found="neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET beside it",
                expected="one of them",
                fix="set SLACK_APP_TOKEN for Socket Mode (usual), or SLACK_SIGNING_SECRET for HTTP mode behind your own proxy",
            )
        access = SlackConfig(
            bot_token=_plain(settings.slack_bot_token) or "",
            app_token=_plain(settings.slack_app_token),
            signing_secret=_plain(settings.slack_signing_secret),
            host=settings.http_host,
            port=settings.http_port,
            folder=context.data,
            url=settings.slack_api_url or SLACK,
        )
        return SlackAdapter(access, autocomplete, names=context.commands, listed=list(context.people))

    async def check(self, settings: SlackSettings, context: PlatformContext) -> AsyncIterator[Finding]:
        """Check tokens, scopes, channels, ids of the team file and the way in which events arrive."""
        if settings.slack_bot_token is None:
            for name in ("SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
                if getattr(settings, name.lower()) is not None:
                    yield Finding(
                        about="slack", state="wrong", found=f"{name} without SLACK_BOT_TOKEN", fix="set SLACK_BOT_TOKEN"
                    )
            return
        from adapters.slack.connection_watch import OUTAGE_FIX, read_outage
        from adapters.slack.manifest import BOT_EVENTS, diagnose

        try:
            seen = await diagnose(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, context.people)
        except DeliveryError as error:
            yield Finding(about="slack", state="wrong", found=str(error), fix="fix this first; nothing else was checked")
            return
        for finding in _findings(seen):
            yield finding
        yield await _transport_finding(settings)
        if outage := read_outage(context.data, time.time()):
            yield Finding(about="slack connection", state="wrong", found=outage.text, fix=OUTAGE_FIX)
        # Slack shows an app's event subscriptions to the owner of the app only, so the doctor can only list those needed.
        found = f"Slack does not show a bot its subscriptions; needed are {', '.join(BOT_EVENTS)}"
        yield Finding(about="slack subscriptions", state="ok", found=found)

    async def setup(self, settings: SlackSettings, options: Mapping[str, str]) -> SetupGuide:
        """Print the app manifest; the option `url` is the address of HTTP mode."""
        from adapters.slack.manifest import MAX_ADDRESS, manifest

        url = options.get("url")
        if url is not None and (not url.startswith("https://") or len(url) > MAX_ADDRESS):
            raise InvalidPlatformSettings(
                "Slack cannot post to this address",
                where="--url",
                found=repr(shorten(url, 200)),
                expected=f"an address that begins with https:// and has at most {MAX_ADDRESS:,} characters",
            )
        return SetupGuide(text=json.dumps(manifest(url), indent=2), steps=_HTTP_MODE if url else _SOCKET_MODE)


PLATFORM = SlackPlatform()


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


_SOCKET_MODE = """\
1. api.slack.com/apps, Create New App, From a manifest: choose the workspace, paste this as JSON, create.
2. Install App: install it to the workspace. Put the Bot User OAuth Token (xoxb-) into SLACK_BOT_TOKEN.
3. Basic Information, App-Level Tokens: generate one with the scope connections:write. Put it (xapp-) into SLACK_APP_TOKEN.
4. Run townhall doctor, then townhall run. In Slack: /invite @Townhall in a channel, then /townhall ask."""

_HTTP_MODE = """\
1. api.slack.com/apps, Create New App, From a manifest: choose the workspace, paste this as JSON, create.
2. Install the app. Put its Bot User OAuth Token into SLACK_BOT_TOKEN, and Basic Information, Signing Secret into
   SLACK_SIGNING_SECRET. SLACK_APP_TOKEN stays empty.
3. Forward the address to the port of TOWNHALL_HTTP_PORT and start the bot: townhall run. It accepts connections of this machine;
   set TOWNHALL_HTTP_HOST=0.0.0.0 if the proxy runs on another one.
4. Event Subscriptions: let Slack verify the address. Then townhall doctor. In Slack: /invite @Townhall in a channel."""

_REINSTALL = "compare the app with `townhall setup slack`, then reinstall it to the workspace"


def _findings(seen: SlackDiagnostics) -> Iterator[Finding]:
    where = f"bot {seen.workspace.user} in {seen.workspace.url or seen.workspace.team}"
    yield Finding(about="slack", state="ok", found=where)
    yield _scopes_finding(seen)
    yield _channels_finding(seen)
    for user in seen.unknown:
        fix = "correct it under [people] in the team file; a profile in Slack shows the member id"
        yield Finding(about="slack people", state="wrong", found=f"the workspace has no member with the id {user}", fix=fix)


def _scopes_finding(seen: SlackDiagnostics) -> Finding:
    from adapters.slack.manifest import BOT_SCOPES

    if not seen.missing:
        return Finding(about="slack scopes", state="ok", found=f"all {len(BOT_SCOPES)} are granted")
    missing = "; ".join(f"{scope} (to {BOT_SCOPES[scope]})" for scope in seen.missing)
    needed = "chat:write" in seen.missing or any(scope.endswith(":history") for scope in seen.missing)
    return Finding(about="slack scopes", state="wrong" if needed else "warn", found=f"missing: {missing}", fix=_REINSTALL)


def _channels_finding(seen: SlackDiagnostics) -> Finding:
    if seen.channels is None:
        return Finding(about="slack channels", state="warn", found="the bot may not list its channels", fix=_REINSTALL)
    if not seen.channels:
        fix = "type /invite @Townhall in a channel; direct messages work without"
        return Finding(about="slack channels", state="warn", found="the bot is in no channel", fix=fix)
    shown = ", ".join(f"#{name}" for name in seen.channels[:10])
    more = f" and {len(seen.channels) - 10} more" if len(seen.channels) > 10 else ""
    return Finding(about="slack channels", state="ok", found=f"the bot is in {shown}{more}")


async def _transport_finding(settings: SlackSettings) -> Finding:
    """Check the way in which events arrive: Socket Mode, or HTTP mode."""
    from adapters.slack.manifest import check_socket_mode

    about = "slack events"
    if settings.slack_app_token is not None:
        try:
            await check_socket_mode(settings.slack_app_token.get_secret_value(), settings.slack_api_url)
        except DeliveryError as error:
            fix = "create an app-level token with the scope connections:write, switch Socket Mode on, set SLACK_APP_TOKEN"
            return Finding(about=about, state="wrong", found=f"Socket Mode: {error}", fix=fix)
        return Finding(about=about, state="ok", found="Socket Mode accepts the app token")
    if settings.slack_signing_secret is not None:
        found = f"HTTP mode on {settings.http_host}, port {settings.http_port}, path /slack/events; your proxy must forward to it"
        return Finding(about=about, state="ok", found=found)
    fix = "set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)"
    return Finding(about=about, state="wrong", found="neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set", fix=fix)
