"""The only mentions that ever leave us: of people and groups whom the bridge names, by ids of Slack's own form."""

from __future__ import annotations

import re
from collections.abc import Iterable

from adapters.slack.workspace import PLATFORM
from orchestrator_bridge.chat import Author, Group

_PERSON = re.compile(r"[UW][A-Z0-9]{1,20}")
_GROUP = re.compile(r"S[A-Z0-9]{1,20}")


def mentions(people: Iterable[Author], groups: Iterable[Group] = ()) -> str:
    """Those to notify, as Slack notifies them; ids of another platform or form are left out."""
    named = [f"<@{one.id}>" for one in people if one.platform == PLATFORM and _PERSON.fullmatch(one.id)]
    named += [f"<!subteam^{one.id}>" for one in groups if one.platform == PLATFORM and _GROUP.fullmatch(one.id)]
    return " ".join(dict.fromkeys(named))
