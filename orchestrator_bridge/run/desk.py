"""The desk: makes questions, hears people and settles, as changes to a run's batch. The rules are `settle`, `due` and `hear`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from decimal import Decimal

from orchestrator_bridge.chat import Author, Clicked, Commanded, Place, Posted, Receipt, Said, Unsaid, Word
from orchestrator_bridge.money.more import ASKER, ask_for_more, policy_for_more
from orchestrator_bridge.money.standing import Standing
from orchestrator_bridge.open_questions import OpenQuestions
from orchestrator_bridge.people import Audience, Directory, UnknownName
from orchestrator_bridge.question import due, hear, settle, tell
from orchestrator_bridge.question.intent import asks_again, passes_on
from orchestrator_bridge.question.quorum import group_id, people_decide, silent
from orchestrator_bridge.question.taken import taken
from orchestrator_bridge.question.times import on_platform
from orchestrator_bridge.question.values import Delivery, Mentioned, Outcome, Question, Responder
from orchestrator_bridge.run import deeds
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import AskPeople
from orchestrator_bridge.run.asking import Asking
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.deeds import Done, Message
from orchestrator_bridge.run.post import question_key, receipt
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.store.rows import Outgoing


class Desk:
    """Makes questions of what agents ask, and replies of what people say. `nobody_there`: no person of a run can be reached."""

    def __init__(
        self,
        directory: Directory,
        next_number: Callable[[], int],
        nobody_there: Callable[[RunState], bool],
        open_questions: OpenQuestions | None = None,
    ) -> None:
        self._directory = directory
        self._asking = Asking(directory=directory, next_number=next_number, open=open_questions or OpenQuestions())
        self._nobody_there = nobody_there

    # Asking ---------------------------------------------------------------------------------------------------------------

    def ask(self, batch: Batch, action: AskPeople) -> None:
        """Make a question, or tell the agent why there will be none."""
        self._asking.ask(batch, action)
        if self._nobody_there(batch.state):
            self.leave(batch)

    def approve(self, batch: Batch, use: ToolUse) -> None:
        """Ask people whether an agent may use a tool, or refuse it where nobody can be asked."""
        self._asking.approve(batch, use)
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
            id=self._asking.next_number(),
            run=state.run,
            agent=ASKER,
            action=f"more:{state.seq}",
            ask=ask,
            policy=policy_for_more(state.team.policy),
            asked=tuple(one.who for one in audience.people),
            groups=audience.groups,
            authors={one.who.id: one.author for one in audience.people},
            asked_at=batch.now,
        )
        batch.add(e.MoreAsked(at=batch.now, budget=short.budget, limit=short.limit, question=question))
        if self._nobody_there(batch.state):
            self.leave(batch)

    def placed(self, batch: Batch, outgoing: Outgoing, posted: Posted, noted_at: float) -> None:
        """People can see the question, or somebody a copy of it."""
        place = replace(outgoing.place, thread=posted.thread)
        delivery = Delivery(place=place, message=posted.message, posted_at=posted.at, noted_at=noted_at)
        batch.add(e.QuestionPosted(at=batch.now, question=outgoing.question or 0, delivery=delivery))

    def unplaceable(self, batch: Batch, outgoing: Outgoing, why: str) -> None:
        """The question will never be seen: where people were to decide, it falls back at once."""
        known = batch.state.questions.get(outgoing.question or 0)
        first = known is not None and outgoing.key == question_key(known.id)
        if known is not None and first and known.open and known.stage is None and people_decide(known):
            self._fall(batch, known, f"it could not be posted: {why}")

    # Hearing --------------------------------------------------------------------------------------------------------------

    def hear(self, batch: Batch, said: Said, number: int) -> None:
        """Take what a person typed as a reply, or tell her why not."""
        question = batch.state.questions.get(number)
        if question is None:
            batch.handled(said.key, "there is no such question")
            return
        by = self._responder(question, said.author, said.place)
        mentions = self._mentioned(said.author, said.mentions, said.text)
        message = Message(key=said.message, text=said.text, at=said.at, edit=said.edit, mentions=mentions)
        done = self._reply(batch, question, by, message)
        after = batch.state.questions[question.id]
        taken_as = taken(after, by.id) if done.sign == "taken" and after.open else ""
        given = Receipt(message=said.message, author=said.author, sign=done.sign, text=done.text, taken_as=taken_as)
        direct = said.place if said.place.channel.startswith("@") else None
        batch.rows.append(receipt(batch.state, said.key, given, question.id, direct))
        batch.handled(said.key, "" if done.sign == "taken" else f"{done.sign}: {done.text}")

    def _reply(self, batch: Batch, question: Question, by: Responder, message: Message) -> Done:
        if question.open and batch.state.end is None:
            return deeds.reply(batch, question, by, message)
        if not hear.may_answer(question, by):
            return deeds.not_asked(question)
        if asks_again(message.text) and batch.state.end is None and question.agent in batch.state.agents:
            return self._again(batch, question, by)
        return deeds.late(batch, question, by, message)

    def _again(self, batch: Batch, question: Question, by: Responder) -> Done:
        if question.ask.kind == "approval":
            return Done(sign="refused", text="That call is over. If the agent wants to make it again, you are asked anew.")
        there = next((one for one in batch.state.questions.values() if one.again == question.id and one.open), None)
        if question.open or there is not None:
            return Done(sign="refused", text=f"Question {(there or question).id} is open: answer it there.")
        new = self._asking.again(batch, question, by)
        return Done(sign="taken", text=f"Asked again as question {new.id}.")

    def _responder(self, question: Question, author: Author, place: Place) -> Responder:
        return self._directory.with_roles(author, place, hear.roles_that_matter(question))

    def _mentioned(self, by: Author, said: tuple[Author, ...], text: str) -> tuple[Mentioned, ...]:
        named = self._directory.mentioned(said, text, by.platform)
        return tuple(one for one in named if one.author.id != by.id)

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
        question = batch.state.questions.get(clicked.question)
        if question is None:
            batch.say(clicked, Word(text=f"There is no question {clicked.question}.", tone="warning"))
            return
        by = self._responder(question, clicked.author, clicked.place)
        batch.say(clicked, _word(question, self._press(batch, clicked, question, by)))

    def _press(self, batch: Batch, clicked: Clicked, question: Question, by: Responder) -> Done:
        allowed = hear.may_answer(question, by) or (clicked.press == "more" and self._may_extend(question, by, clicked))
        if not allowed:
            return deeds.not_asked(question)
        if not question.open or batch.state.end is not None:
            return Done(sign="refused", text=f"Too late: {tell.closing_line(question)}")
        key = f"click:{clicked.interaction}"
        match clicked.press:
            case "pass":
                return deeds.pass_on(batch, question, by, clicked.at, self._successor(clicked.author, clicked.value, clicked.to))
            case "more":
                return self._more(batch, question, by, clicked, clicked.value, key)
            case "option":
                return deeds.choose(batch, question, by, clicked.value, key, clicked.at)
            case "write":
                mentions = self._mentioned(clicked.author, (), clicked.value)
                return deeds.reply(batch, question, by, Message(key=key, text=clicked.value, at=clicked.at, mentions=mentions))

    def _successor(self, by: Author, named: str, known: Author | None = None) -> Mentioned | None:
        """Who is to be asked in somebody's place: `@alice`, or the platform's id of a person."""
        if not named:
            return None
        author = () if named.startswith("@") else (known or Author(platform=by.platform, id=named, name=named),)
        return next(iter(self._mentioned(by, author, named)), None)

    def _more(self, batch: Batch, question: Question, by: Responder, heard: Clicked | Commanded, time: str, key: str) -> Done:
        if not self._may_extend(question, by, heard):
            return Done(sign="refused", text="Only those who are asked can put a question off.")
        try:
            return deeds.more(batch, question, by, deeds.seconds_of(time), key, heard.at)
        except ValueError as error:
            return Done(sign="refused", text=str(error))

    def _may_extend(self, question: Question, by: Responder, heard: Clicked | Commanded) -> bool:
        asked = any(one.id == by.id for one in question.everyone)
        holds = not {*question.welcome, *(group_id(group.name) for group in question.groups)}.isdisjoint(by.roles)
        return asked or holds or self._directory.may(heard.author, "extend", heard.place)

    # By command -----------------------------------------------------------------------------------------------------------

    def told(self, batch: Batch, command: Commanded, number: int, words: str) -> None:
        """`/questions 12 …`: pass, more time, cancel, again, or else an answer."""
        batch.handled(command.key)
        question = batch.state.questions.get(number)
        if question is None:
            batch.say(command, Word(text=f"There is no question {number}.", tone="warning"))
            return
        by = self._responder(question, command.author, command.place)
        batch.say(command, _word(question, self._tell(batch, command, question, by, words.strip())))

    def _tell(self, batch: Batch, command: Commanded, question: Question, by: Responder, words: str) -> Done:
        verb, _, rest = words.partition(" ")
        open_ = question.open and batch.state.end is None
        key = f"command:{command.interaction}"
        if verb.casefold() == "cancel" and not rest:
            return self._cancel(batch, command, question, by) if open_ else _too_late(question)
        if verb.casefold() == "more" and open_:
            return self._more(batch, question, by, command, rest, key)
        if verb.casefold() == "again" and not rest and not question.open and question.agent in batch.state.agents:
            return self._again(batch, question, by) if hear.may_answer(question, by) else deeds.not_asked(question)
        named = self._successor(command.author, rest.strip()) if verb.casefold() in ("pass", "hand") else None
        if open_ and (named or passes_on(question.ask, words)):
            return (
                deeds.pass_on(batch, question, by, command.at, named)
                if hear.may_answer(question, by)
                else deeds.not_asked(question)
            )
        mentions = self._mentioned(command.author, (), words)
        return self._reply(batch, question, by, Message(key=key, text=words, at=command.at, mentions=mentions))

    def _cancel(self, batch: Batch, command: Commanded, question: Question, by: Responder) -> Done:
        starter = (batch.state.by.platform, batch.state.by.id) == (command.author.platform, command.author.id)
        if starter or self._directory.may(command.author, "cancel", command.place):
            return deeds.cancel(batch, question, by)
        return Done(
            sign="refused", text=f"You may not close question {question.id}; townhall.toml says who may, under [permissions]."
        )

    # Settling -------------------------------------------------------------------------------------------------------------

    def leave(self, batch: Batch) -> None:
        """Nobody is there any more: every person who was asked is taken off, and every role."""
        for question in list(batch.state.questions.values()):
            groups = (Responder(kind="human", id=group_id(one.name), name=one.name) for one in question.groups)
            for person in (*question.humans, *groups) if question.open else ():
                if person.id not in question.gone:
                    batch.add(e.Passed(at=batch.now, question=question.id, responder=person, gone=True))

    def look(self, batch: Batch, read_to_end: Collection[int]) -> tuple[int, ...]:
        """Settle what can be settled, and do what is due.

        Returns the questions that have expired and whose threads must first be read to their end, for replies that were in time;
        of one that nobody is known to see it must be known first that its card has not arrived.
        """
        unread = []
        for number in [one.id for one in batch.state.questions.values() if one.open]:
            while not self._look_at(batch, batch.state.questions[number], number in read_to_end):
                pass
            question = batch.state.questions[number]
            if question.open and _waits_for_reading(question, on_platform(question, batch.now), number in read_to_end):
                unread.append(number)
        return tuple(unread)

    def _look_at(self, batch: Batch, question: Question, read: bool) -> bool:
        """Do one thing that is due; True if nothing more is, or all else waits until the thread is read."""
        now = on_platform(question, batch.now)
        outcome, now_due = settle.settle(question, now), due.due(question, now)
        if outcome is None and not now_due:
            return True
        if _waits_for_reading(question, now, read):
            return True
        if outcome is not None:
            batch.add(e.QuestionSettled(at=batch.now, question=question.id, outcome=outcome))
        elif now_due.fall:
            self._fall(batch, question, settle.reason(question))
        elif now_due.wake:
            batch.add(e.Woken(at=batch.now, question=question.id, people=now_due.wake))
        elif now_due.remind:
            asleep = self._asking.asleep(batch, self._waiting(question))
            batch.add(e.Reminded(at=batch.now, question=question.id, asleep=tuple(asleep)))
        else:
            self._asking.escalate(batch, question)
        return not batch.state.questions[question.id].open

    def _waiting(self, question: Question) -> tuple[Mentioned, ...]:
        known = ((one, question.author(one.id)) for one in silent(question))
        return tuple(Mentioned(who=one, author=author) for one, author in known if author)

    def _fall(self, batch: Batch, question: Question, why: str) -> None:
        """Let the next fallback decide, or begin."""
        fallen = settle.fall(question, on_platform(question, batch.now), why)
        if isinstance(fallen, Outcome):
            batch.add(e.QuestionSettled(at=batch.now, question=question.id, outcome=fallen))
        else:
            batch.add(e.FallbackBegan(at=batch.now, question=question.id, stage=fallen))


def _waits_for_reading(question: Question, now: float, read: bool) -> bool:
    """Whether something was perhaps said in time that nobody has heard yet: a fallback waits until that is known."""
    if read or not due.due(question, now).expired:
        return False
    outcome = settle.settle(question, now)
    return due.due(question, now).fall if outcome is None else outcome.status == "fallen_back"


def _word(question: Question, done: Done) -> Word:
    text = done.text or f"You answered question {question.id}."
    return Word(text=text, tone="warning" if done.sign in ("refused", "late") else "plain")


def _too_late(question: Question) -> Done:
    return Done(sign="refused", text=f"Too late: {tell.closing_line(question)}")
