"""The desk: makes questions, hears people and settles, as changes to a run's batch. The rules are `settle`, `due` and `hear`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from orchestrator_bridge.chat import Clicked, Posted, Receipt, Said, Unsaid, Word
from orchestrator_bridge.duration import parse_duration, say_duration
from orchestrator_bridge.money.more import ASKER, ask_for_more, policy_for_more
from orchestrator_bridge.money.standing import Standing
from orchestrator_bridge.people import Audience, Directory, UnknownName
from orchestrator_bridge.question import due, hear, settle, tell
from orchestrator_bridge.question.quorum import people_decide
from orchestrator_bridge.question.read import LIMIT
from orchestrator_bridge.question.values import Delivery, Question, Responder
from orchestrator_bridge.question.voice import misread
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import AskPeople
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.change import peer, platform_time
from orchestrator_bridge.run.show import receipt
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.rows import Outgoing
from orchestrator_bridge.text import clean, sentence

MORE_TIME = 3600.0
"""Seconds that "More time" grants when nobody says how much."""


class Desk:
    """Makes questions of what agents ask, and replies of what people say. `nobody_there`: no person of a run can be reached."""

    def __init__(self, directory: Directory, next_number: Callable[[], int], nobody_there: Callable[[RunState], bool]) -> None:
        self._directory = directory
        self._next_number = next_number
        self._nobody_there = nobody_there

    # Asking ---------------------------------------------------------------------------------------------------------------

    def ask(self, batch: Batch, action: AskPeople) -> None:
        """Make a question, or tell the agent why there will be none."""
        try:
            audience = self._audience(batch.state, action)
            refusal = _over_limit(batch.state, action)
        except UnknownName as error:
            audience, refusal = Audience(), str(error)
        if refusal:
            batch.add(e.QuestionRefused(at=batch.now, action=action.action, reason=refusal))
        else:
            batch.add(e.QuestionAsked(at=batch.now, action=action.action, question=self._question(batch, action, audience)))
            if self._nobody_there(batch.state):
                self.leave(batch)

    def ask_for_more(self, batch: Batch, short: Standing, price: Decimal | None) -> None:
        """Ask those responsible for more money, for a call that may cost `price` and does not fit any more."""
        state, ask = batch.state, ask_for_more(short, price)
        try:
            audience = self._directory.audience(state.team.responsible, place=state.place, by=state.by, agents=())
        except UnknownName:  # the team file has changed since the run began
            audience = Audience()
        question = Question(
            id=self._next_number(),
            run=state.run,
            agent=ASKER,
            action=f"more:{state.seq}",
            ask=ask,
            policy=policy_for_more(state.team.policy),
            asked=tuple(person for person, _ in audience.people),
            authors=tuple(author for _, author in audience.people),
            asked_at=batch.now,
        )
        batch.add(e.MoreAsked(at=batch.now, budget=short.budget, limit=short.limit, question=question))
        if self._nobody_there(batch.state):
            self.leave(batch)

    def _audience(self, state: RunState, action: AskPeople) -> Audience:
        others = tuple(agent.spec.name for agent in state.live if agent.spec.name != action.agent)
        return self._directory.audience(action.ask.to or state.team.ask, place=state.place, by=state.by, agents=others)

    def _question(self, batch: Batch, action: AskPeople, audience: Audience) -> Question:
        state = batch.state
        return Question(
            id=self._next_number(),
            run=state.run,
            agent=action.agent,
            action=action.action,
            ask=action.ask,
            policy=due.scaled(state.team.policy, action.ask.urgency),
            asked=(*(person for person, _ in audience.people), *(peer(name) for name in audience.agents)),
            authors=tuple(author for _, author in audience.people),
            asked_at=batch.now,
        )

    def placed(self, batch: Batch, outgoing: Outgoing, posted: Posted, noted_at: float) -> None:
        """People can see the question."""
        place = replace(outgoing.place, thread=posted.thread)
        delivery = Delivery(place=place, message=posted.message, posted_at=posted.at, noted_at=noted_at)
        batch.add(e.QuestionPosted(at=batch.now, question=outgoing.question or 0, delivery=delivery))

    def unplaceable(self, batch: Batch, question: int, why: str) -> None:
        """The question will never be seen: where people were to decide, it falls back at once."""
        known = batch.state.questions.get(question)
        if known is not None and known.open and people_decide(known):
            outcome = settle.fall_back(known, batch.now, f"it could not be posted: {why}")
            batch.add(e.QuestionSettled(at=batch.now, question=question, outcome=outcome))

    # Hearing --------------------------------------------------------------------------------------------------------------

    def hear(self, batch: Batch, said: Said, number: int) -> None:
        """Take what a person typed as a reply, or tell her why not."""
        question = batch.state.questions.get(number)
        why = self._take(batch, said, question) if question else "there is no such question"
        batch.handled(said.key, why)

    def _take(self, batch: Batch, said: Said, question: Question) -> str:
        author = self._directory.responder(said.author)
        if not hear.may_answer(question, author):
            return _receipt(batch, said, question, "refused", f"Question {question.id} is for {tell.asked_line(question)}.")
        if not question.open:
            return self._late(batch, said, question, author)
        batch.add(_reply(batch, question, said, author))
        sign, text = _heard(batch.state.questions[question.id], author)
        cut = f"Only its first {LIMIT:,} characters are kept." if len(said.text) > LIMIT else ""
        return _receipt(batch, said, question, sign, f"{text} {cut}".strip())

    def _late(self, batch: Batch, said: Said, question: Question, author: Responder) -> str:
        ended = batch.state.end is not None
        if not ended:
            batch.add(_reply(batch, question, said, author))
        course = f"{question.agent} gets it as a late reply."
        if ended or question.agent not in batch.state.agents:
            course = "The run has ended, so it reaches nobody." if ended else "It changes nothing any more."
        return _receipt(batch, said, question, "late", f"{sentence(tell.closing_line(question))} {course}")

    def take_back(self, batch: Batch, unsaid: Unsaid, number: int) -> None:
        """A reply was deleted: it is withdrawn while its question is open."""
        question = batch.state.questions.get(number)
        if question is not None and question.open and batch.state.end is None:
            batch.add(e.Unreplied(at=batch.now, question=number, message=unsaid.message))
        batch.handled(unsaid.key)

    # Controls -------------------------------------------------------------------------------------------------------------

    def press(self, batch: Batch, clicked: Clicked) -> None:
        """A control was used; whoever used it always gets a word back."""
        batch.handled(clicked.key)
        batch.say(clicked, self._press(batch, clicked))

    def _press(self, batch: Batch, clicked: Clicked) -> Word:
        question = batch.state.questions.get(clicked.question)
        if question is None:
            return Word(text=f"There is no question {clicked.question}.", tone="warning")
        author = self._directory.responder(clicked.author)
        if not hear.may_answer(question, author):
            return Word(text=f"This question is for {tell.asked_line(question)}.", tone="warning")
        if not question.open or batch.state.end is not None:
            return Word(text=f"Too late: {tell.closing_line(question)}", tone="warning")
        return self._pressed(batch, clicked, question, author)

    def _pressed(self, batch: Batch, clicked: Clicked, question: Question, author: Responder) -> Word:
        match clicked.press:
            case "pass":
                batch.add(e.Passed(at=batch.now, question=question.id, responder=author.id, sent_at=clicked.at))
                return Word(text=f"You are not asked any more in question {question.id}.")
            case "more":
                return _more(batch, clicked, question, author)
            case "option":
                return _option(batch, clicked, question, author)
            case "write":
                return _written(batch, clicked, question, author)

    def leave(self, batch: Batch) -> None:
        """Nobody is there any more: every person who was asked is taken off."""
        for question in list(batch.state.questions.values()):
            for person in question.humans if question.open else ():
                if person.id not in question.gone:
                    batch.add(e.Passed(at=batch.now, question=question.id, responder=person.id, gone=True))

    # Settling -------------------------------------------------------------------------------------------------------------

    def look(self, batch: Batch, read_to_end: Collection[int]) -> tuple[int, ...]:
        """Settle what can be settled and remind where it is time.

        Returns the questions that have expired and whose threads must first be read to their end, for replies that were in time;
        of one that nobody is known to see it must be known first that its card has not arrived.
        """
        unread = []
        for question in [one for one in batch.state.questions.values() if one.open]:
            now = platform_time(question, batch.now)
            outcome = settle.settle(question, now)
            if outcome is None:
                if due.due(question, now).remind:
                    batch.add(e.Reminded(at=batch.now, question=question.id))
            elif outcome.status == "fallen_back" and _may_be_unheard(question, now) and question.id not in read_to_end:
                unread.append(question.id)
            else:
                batch.add(e.QuestionSettled(at=batch.now, question=question.id, outcome=outcome))
        return tuple(unread)


def _may_be_unheard(question: Question, now: float) -> bool:
    return due.due(question, now).expired


def _over_limit(state: RunState, action: AskPeople) -> str:
    limits = state.team.limits
    if state.agents[action.agent].asked >= limits.per_agent:
        return f"you have asked {limits.per_agent} questions, the limit for one agent of this run."
    if len(state.questions) >= limits.per_run:
        return f"{limits.per_run} questions have been asked, the limit for this run."
    return ""


def _reply(batch: Batch, question: Question, said: Said, author: Responder) -> e.Replied:
    return e.Replied(
        at=batch.now,
        question=question.id,
        author=author,
        message=said.message,
        text=clean(said.text, LIMIT).strip(),
        sent_at=said.at,
        edit=said.edit,
    )


Sign = Literal["taken", "late", "refused"]


def _heard(question: Question, author: Responder) -> tuple[Sign, str]:
    """What became of somebody's newest words: they count, came in the grace after the deadline, or are no answer yet."""
    wrong = misread(question, author.id)
    if wrong is not None:
        return "refused", wrong.hint
    late = any(reply.late for reply in question.replies if reply.author.id == author.id)
    return ("late", "It came after the deadline, so it goes along without deciding.") if late else ("taken", "")


def _receipt(batch: Batch, said: Said, question: Question, sign: Sign, text: str) -> str:
    given = Receipt(message=said.message, author=said.author, sign=sign, text=text)
    batch.rows.append(receipt(batch.state, said.key, given, question.id))
    return "" if sign == "taken" else f"{sign}: {text}"


def _more(batch: Batch, clicked: Clicked, question: Question, by: Responder) -> Word:
    try:
        seconds = parse_duration(float(clicked.value) if clicked.value.isdecimal() else clicked.value or MORE_TIME)
    except ValueError as error:
        return Word(text=str(error), tone="warning")
    before = due.deadline(question)
    batch.add(e.Extended(at=batch.now, question=question.id, by=by, seconds=seconds))
    granted = due.deadline(batch.state.questions[question.id]) - before
    if granted <= 0:
        return Word(text=f"Question {question.id} cannot wait longer than it does.", tone="warning")
    return Word(text=f"Question {question.id} waits {say_duration(granted)} longer.")


def _option(batch: Batch, clicked: Clicked, question: Question, author: Responder) -> Word:
    label = tell.label_of(question, clicked.value)
    if label is None:
        return Word(text=f"Question {question.id} has no option {clicked.value!r}.", tone="warning")
    batch.add(_click(batch, clicked, question, author, label, clicked.value))
    return Word(text=f"You answered question {question.id}: {label}")


def _written(batch: Batch, clicked: Clicked, question: Question, author: Responder) -> Word:
    batch.add(_click(batch, clicked, question, author, clicked.value, None))
    sign, text = _heard(batch.state.questions[question.id], author)
    return Word(text=text or f"You answered question {question.id}.", tone="plain" if sign == "taken" else "warning")


def _click(batch: Batch, clicked: Clicked, question: Question, author: Responder, text: str, choice: str | None) -> e.Replied:
    return e.Replied(
        at=batch.now,
        question=question.id,
        author=author,
        message=f"click:{clicked.interaction}",
        text=text,
        sent_at=clicked.at,
        choice=choice,
    )
