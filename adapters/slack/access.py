"""How to reach Slack, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.slack.api import RESPONSE_TIMEOUT, SLACK
from adapters.slack.inbox import ACKNOWLEDGE_AFTER
from adapters.slack.socket import PING_INTERVAL


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackConfig:
    """With an app token by Socket Mode, else with a signing secret on a port of ours.

    `silence`, `ping` and `acknowledge` are in seconds, as in `SlackApi`, `SocketModeTransport` and `SlackRequestHandler`.
    """

    bot_token: str = field(repr=False)
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    port: int = 0
    url: str = SLACK
    silence: float = RESPONSE_TIMEOUT
    ping: float = PING_INTERVAL
    acknowledge: float = ACKNOWLEDGE_AFTER
