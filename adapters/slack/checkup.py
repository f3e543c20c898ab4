"""What can be asked of Slack about an installation: who we are, what we may, where we are. Nothing is changed by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.slack.api import SLACK, SlackApi
from adapters.slack.manifest import BOT_SCOPES
from adapters.slack.workspace import Workspace, identify
from orchestrator_bridge.chat import NotSent, SendRejected

MAX_CHANNELS = 200
"""Channels that are looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackDiagnostics:
    """What an installation looks like. `unknown` are ids of people whom the workspace does not have."""

    workspace: Workspace
    missing: tuple[str, ...]
    channels: tuple[str, ...] | None
    unknown: tuple[str, ...]


async def diagnose(token: str, url: str | None, people: Iterable[str]) -> SlackDiagnostics:
    """Look at everything that a bot token can see.

    Raises:
        NotSent: Slack cannot be asked just now.
        SendRejected: Slack does not take the token.
    """
    api = SlackApi(token, url or SLACK)
    await api.open()
    try:
        workspace = await identify(api)
        missing = tuple(scope for scope in BOT_SCOPES if not workspace.has_scope(scope))
        return SlackDiagnostics(
            workspace=workspace,
            missing=missing,
            channels=await _joined_channels(api),
            unknown=await _unknown_people(api, tuple(people)),
        )
    finally:
        await api.close()


async def check_socket_mode(app_token: str, url: str | None) -> None:
    """Whether an app token lets us connect by Socket Mode.

    Raises:
        NotSent: Slack cannot be asked just now, or does not take the token.
        SendRejected: it never will.
    """
    api = SlackApi("", url or SLACK)
    await api.open()
    try:
        await api.read("apps.connections.open", lambda client: client.apps_connections_open(app_token=app_token))
    finally:
        await api.close()


async def _joined_channels(api: SlackApi) -> tuple[str, ...] | None:
    """Names of the channels in which the bot is; None if it may not ask."""
    try:
        told = await api.read(
            "users.conversations",
            lambda client: client.users_conversations(
                types="public_channel,private_channel", exclude_archived=True, limit=MAX_CHANNELS
            ),
        )
    except (NotSent, SendRejected):
        return None
    return tuple(str(one.get("name") or one.get("id")) for one in told["channels"] or ())


async def _unknown_people(api: SlackApi, people: Sequence[str]) -> tuple[str, ...]:
    return tuple([user for user in people if not await _user_exists(api, user)])


async def _user_exists(api: SlackApi, user: str) -> bool:
    try:
        await api.read("users.info", lambda client: client.users_info(user=user))
    except SendRejected:
        return False
    return True
