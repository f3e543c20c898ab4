"""The values of a question: what is asked, of whom, what was replied, how it ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator_bridge.chat import Author, Place
from orchestrator_bridge.team import Policy

Kind = Literal["text", "choice", "confirm", "number"]
Urgency = Literal["low", "normal", "high"]
URGENCY_SCALE: dict[Urgency, float] = {"low": 4.0, "normal": 1.0, "high": 1 / 3}
"""How `urgency` scales a policy's times."""


class Value(BaseModel):
    """A frozen value that takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Option(Value):
    """One option of a choice. `label` must fit a button. What else a model writes is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=40)]
    label: Annotated[str, Field(min_length=1, max_length=75)]
    description: Annotated[str, Field(max_length=300)] = ""
    recommended: bool = False


class Ask(Value):
    """What an agent passes to `ask_others`. What else it writes is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question: Annotated[str, Field(min_length=1, max_length=500)]
    context: Annotated[str, Field(max_length=4000)] = ""
    kind: Kind = "text"
    options: Annotated[tuple[Option, ...], Field(max_length=10)] = ()
    to: tuple[str, ...] = ()
    """Whom to ask: `humans`, `agents`, `@alice`, `role:backend`, `agent:skeptic`; empty: as the team says."""
    assumption: Annotated[str, Field(min_length=1, max_length=500)]
    urgency: Urgency = "normal"
    wait: bool = True

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, given: Any) -> Any:
        """Take what models write for what they mean: null is left out, one name is a list of one, options make a choice."""
        if not isinstance(given, dict):
            return given
        meant = {key: value for key, value in given.items() if value is not None}
        if isinstance(meant.get("to"), str):
            meant["to"] = tuple(name.strip() for name in meant["to"].split(",") if name.strip())
        if meant.get("options"):
            meant.setdefault("kind", "choice")
        return meant

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if self.kind == "choice" and len(self.options) < 2:
            raise ValueError(f"kind 'choice' needs 2 to 10 options, found {len(self.options)}")
        if self.kind != "choice" and self.options:
            raise ValueError(f"options go with kind 'choice' only, found kind {self.kind!r}")
        ids = [option.id for option in self.options]
        if len(set(ids)) < len(ids):
            raise ValueError("two options have the same id; give each an id of its own")
        labels = [option.label.casefold().strip() for option in self.options]
        if len(set(labels)) < len(labels):
            raise ValueError("two options have the same label; people could not tell them apart")
        return self


class Responder(Value):
    """Somebody who is asked or who replies. `id` is unique over platforms: `terminal:you`, `discord:42`, `agent:skeptic`."""

    kind: Literal["human", "agent"]
    id: str
    name: str


class Heard(Value):
    """One thing that one responder did, in one version: words typed, an option clicked (`choice`), or "not me" (`passed`).

    What a question has heard is kept as it came; `replies` and `passed` follow from it, so that neither depends on the order in
    which things arrived. `message` is the platform's id of the message or click; `edit` tells its versions apart and counts up
    or is a time (`""` < `"2"` < `"10"`). `at` is in seconds, by the platform's clock.
    """

    message: str
    author: Responder
    text: str = ""
    choice: str | None = None
    passed: bool = False
    edit: str = ""
    at: float


class Reply(Value):
    """What one responder said last. `key` names the newest message or click that it came by; `at` is that one's time, in seconds.

    `text` is all that was typed, in order of time; for a bare click it is the option's label. `choice` is the chosen option's
    id (`yes` or `no` for a confirm), `number` the number of a `number` question. `clicked`: the choice was clicked, and what was
    typed after it is a remark. `late`: all of it came after the deadline, so it goes along but does not count.
    """

    key: str
    author: Responder
    text: str
    choice: str | None = None
    number: float | None = None
    clicked: bool = False
    late: bool = False
    at: float
    parts: tuple[tuple[str, str, float], ...] = ()
    """The typed messages that make up this reply, in order: (message, text, time)."""


class Delivery(Value):
    """One posted copy. `posted_at` is by the platform's clock, `noted_at` by ours: their difference relates the two."""

    place: Place
    message: str
    posted_at: float
    noted_at: float


Status = Literal["answered", "fallen_back", "cancelled"]


class Outcome(Value):
    """How a question ended. `decided_by`: `human`, `agent`, `nobody`, or `fallback:` with the fallback's name."""

    status: Status
    decision: str
    choice: str | None = None
    number: float | None = None
    decided_by: str
    replies: tuple[Reply, ...] = ()
    why: str = ""
    at: float


class Question(Value):
    """A question as its run knows it. Times are in seconds; `asked_at` by our clock.

    The policy's times are already scaled by the urgency. `asked` is fixed at posting. `heard` and `withdrawn` (deleted messages)
    are what came in; `replies` (one a responder, in order of time) and `passed` (who said "not me" and nothing since) follow from
    them and are kept beside them. `gone` are those who cannot be reached any more. `extended` is the time granted beyond
    `expire_after`.
    """

    id: int
    run: int
    agent: str
    action: str
    ask: Ask
    policy: Policy
    asked: tuple[Responder, ...]
    authors: tuple[Author, ...] = ()
    """The people among `asked`, as their platform knows them, for mentions."""
    asked_at: float
    delivery: Delivery | None = None
    heard: tuple[Heard, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    replies: tuple[Reply, ...] = ()
    passed: frozenset[str] = frozenset()
    reminded: int = 0
    extended: float = 0.0
    outcome: Outcome | None = None

    @property
    def open(self) -> bool:
        """Not settled yet."""
        return self.outcome is None

    @property
    def peers(self) -> tuple[str, ...]:
        """Names of the agents asked."""
        return tuple(one.name for one in self.asked if one.kind == "agent")

    @property
    def humans(self) -> tuple[Responder, ...]:
        """The people asked."""
        return tuple(one for one in self.asked if one.kind == "human")
