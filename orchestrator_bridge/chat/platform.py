"""A chat platform as the bot finds it: settings, adapter, checks and setup guide.

A package that brings a platform registers one `Platform` object under the entry point group `townhall.platforms`:

    [project.entry-points."townhall.platforms"]
    matrix = "townhall_matrix.platform:PLATFORM"

The bot imports the description of every installed platform, configured or not. So a description must import fast: it imports its
client library inside its methods.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

from orchestrator_bridge.chat.adapter import Adapter, Autocomplete
from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.common.settings import EnvironmentSettings

ENTRY_POINT_GROUP = "townhall.platforms"

FindingState = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One result of a check: its subject, its state, the facts found and, unless all is well, how to fix it."""

    about: str
    state: FindingState
    found: str
    fix: str = ""


class InvalidPlatformSettings(TownhallError):
    """Settings or setup options that a platform cannot work with. `where` names the setting or option."""

    def __init__(self, title: str, *, where: str, found: str, expected: str, fix: str = "") -> None:
        super().__init__(f"{title}: {where}: found {found}; expected {expected}")
        self.title = title
        self.where = where
        self.found = found
        self.expected = expected
        self.fix = fix


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformContext:
    """Facts about this bot that a platform may need."""

    people: tuple[str, ...] = ()
    """Ids on this platform of the people in the team file."""
    roles: tuple[str, ...] = ()
    """Ids on this platform of the roles in the team file."""
    servers: tuple[str, ...] = ()
    """Ids of the servers for which the team file sets the bot up; empty for the one that is set up first."""
    proxies: tuple[str, ...] = ()
    """Ids of applications whose webhooks repost messages of people, which count as theirs."""
    commands: tuple[str, ...] = ()
    """Names of the chat commands."""
    data: Path = Path("data")
    """The data folder. A platform's files in it begin with the platform's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupOption:
    """An option of `townhall setup <platform>`: `url` is written `--url VALUE`. Or a variable that `townhall init` asks for."""

    name: str
    help: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupGuide:
    """Output of `townhall setup <platform>`.

    `text` goes to standard output: a link, a manifest, or the instructions themselves if there is nothing else to print. `steps`
    goes to standard error, so that `text` alone can be piped.
    """

    text: str
    steps: str = ""


S = TypeVar("S", bound=EnvironmentSettings)


class Platform(ABC, Generic[S]):
    """A chat platform. It holds no state; everything that runs belongs to the adapters it creates."""

    name: ClassVar[str]
    """Lowercase name: as in `Place.platform`, as a key of people in the team file, and as the entry point is called."""
    title: ClassVar[str]
    """Name for people, such as `Matrix`."""
    settings_model: type[S]
    """Model of the platform's environment variables; every field needs a default."""
    local: ClassVar[bool] = False
    """A local platform has one user and no accounts, such as a terminal. It runs only if no other platform is configured."""
    channel_id: ClassVar[re.Pattern[str]] = re.compile(r"[^\s#@]+")
    """Form of a channel's id; a name such as `#general` is none."""
    channel_example: ClassVar[str] = "general"
    """Example of a channel's id."""
    person_id: ClassVar[re.Pattern[str]] = re.compile(r"\S+")
    """Form of a person's id; a name such as `@ana` may be none."""
    person_example: ClassVar[str] = "ana"
    """Example of a person's id."""
    role_id: ClassVar[re.Pattern[str]] = re.compile(r"\S+")
    """Form of the id of a group that the platform can notify."""
    role_example: ClassVar[str] = "backend"
    """Example of such an id."""
    id_help: ClassVar[str] = ""
    """Explanation of where people find ids on the platform: `Copy Channel ID in the channel's menu`."""
    setup_help: ClassVar[str] = ""
    """Help text of `townhall setup <platform>`."""
    setup_options: ClassVar[tuple[SetupOption, ...]] = ()
    setup_secrets: ClassVar[tuple[SetupOption, ...]] = ()
    """Environment variables that `townhall init` asks for, with the place where people find each value."""

    @abstractmethod
    def configured(self, settings: S) -> bool:
        """Return True if the bot is to run on this platform."""

    @abstractmethod
    def create_adapter(self, settings: S, context: PlatformContext, autocomplete: Autocomplete) -> Adapter:
        """Create the adapter; it connects when it is started.

        Raises:
            InvalidPlatformSettings: the settings contradict one another.
        """

    @abstractmethod
    def check(self, settings: S, context: PlatformContext) -> AsyncIterator[Finding]:
        """Check the installation for `townhall doctor`, without changing anything. Called if configured or not."""

    @abstractmethod
    async def setup(self, settings: S, options: Mapping[str, str]) -> SetupGuide:
        """Explain how to set the platform up. `options` holds those of `setup_options` that were given.

        Raises:
            InvalidPlatformSettings: an option is wrong.
            DeliveryError: the platform had to be asked, and did not answer.
        """

    def answer_hint(self, card: QuestionCard) -> str:
        """A sentence that tells where and how to answer an open question, for `townhall questions`."""
        return f"Answer in its thread on {self.title}."
