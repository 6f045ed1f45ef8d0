"""What is being talked about: turns, whose answers stand side by side in an order drawn by lot, and who talks."""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from accord.errors import Conflict, FormError
from accord.records import Message, Prompt, Sampling
from accord.serve.chat.speakers import Speaker
from accord.serve.chat.writing import Answer

__all__ = ["GONE", "VOTES", "Conversation", "Conversations", "Toss", "Turn", "Vote", "coin"]

Vote = Literal["left", "right", "tie", "bad"]
VOTES: tuple[Vote, ...] = ("left", "right", "tie", "bad")
MOST = 1000  # conversations at once; the one that was left alone longest gives way
MAX_TURNS = 200
GONE = "This conversation went on in another window, or the server was started anew; votes that were taken are kept."
Toss = Callable[[], bool]


def coin() -> bool:
    """A toss that nobody foresees."""
    return bool(secrets.randbits(1))


@dataclass
class Turn:
    """What somebody said and what was answered: `answers` as they stand on the screen, from left to right.

    `vote` is what was said of two, and `preferred` the place of the one with which the conversation goes on.
    """

    prompt: Prompt
    answers: tuple[Answer, ...]
    vote: Vote | None = None
    preferred: int | None = None

    @property
    def text(self) -> str:
        """What was said."""
        return self.prompt.text

    @property
    def state(self) -> Literal["writing", "whole", "stopped", "failed"]:
        """That of its answers: writing while one is, failed or stopped where one was."""
        states = {answer.state for answer in self.answers}
        return next(state for state in ("writing", "failed", "stopped", "whole") if state in states)

    @property
    def chosen(self) -> int | None:
        """The place of the answer with which the conversation goes on; None where there is none yet.

        It is the preferred one of two, or the only one that is there, whole or stopped.
        """
        if len(self.answers) == 1 and self.state in {"whole", "stopped"}:
            return 0
        return self.preferred

    @property
    def waits_for_vote(self) -> bool:
        """Whether both answers are there, and nobody has said which is better."""
        return len(self.answers) == 2 and self.state == "whole" and self.vote is None


@dataclass
class Conversation:
    """Turns of one person with one model, or with two of which nobody says which is which before the vote.

    What is done to it is done under its `lock`, by whoever names its last turn.
    """

    speakers: tuple[Speaker, ...]
    sampling: Sampling
    name: str = field(default_factory=lambda: secrets.token_hex(10))
    turns: list[Turn] = field(default_factory=list)
    fixed_seed: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    toss: Toss = field(default=coin, repr=False)

    @property
    def last(self) -> Turn | None:
        """The newest turn."""
        return self.turns[-1] if self.turns else None

    @property
    def may_go_on(self) -> bool:
        """Whether something may be said."""
        return self.last is None or self.last.chosen is not None

    def check(self, name: str, turns: str) -> None:
        """Raises `Conflict` where a form was made for another state than this one's."""
        if name != self.name or turns != str(len(self.turns)):
            raise Conflict("already answered", GONE)

    async def say(self, text: str, sampling: Sampling, *, fixed_seed: bool) -> None:
        """Ask for answers. Raises `Conflict` where something is still open, `FormError` where it cannot be asked."""
        if not self.may_go_on:
            raise Conflict("already answered", "The last answer is not done with yet.")
        if len(self.turns) >= MAX_TURNS:
            raise FormError("text", f"A conversation has {MAX_TURNS} turns at most; begin a new one.")
        prompt = Prompt(messages=(*self._history(), Message(role="user", content=text)))
        turn = await self._asked(prompt, sampling, fixed_seed=fixed_seed)
        self.sampling, self.fixed_seed = sampling, fixed_seed
        self.turns.append(turn)

    async def again(self) -> None:
        """Ask the last question again, sides drawn anew. Raises `Conflict` where there is nothing to ask again."""
        last = self.last
        voted = last is not None and last.vote is not None
        if last is None or last.state == "writing" or voted or last.waits_for_vote:
            raise Conflict("already answered", GONE)
        self.turns[-1] = await self._asked(last.prompt, self.sampling, fixed_seed=self.fixed_seed)

    async def stop(self) -> None:
        """End what is being written."""
        for answer in () if self.last is None else self.last.answers:
            await answer.stop()

    def choose(self, vote: Vote) -> None:
        """Take a vote on the last turn: the conversation goes on with the better answer, or with one drawn by lot."""
        assert self.last is not None
        self.last.vote = vote
        sides = {"left": 0, "right": 1}
        self.last.preferred = sides[vote] if vote in sides else int(self.toss())

    async def _asked(self, prompt: Prompt, sampling: Sampling, *, fixed_seed: bool) -> Turn:
        """A turn whose answers are being written: all of them can be, or none is begun."""
        speakers = list(self.speakers)
        if len(speakers) == 2 and self.toss():
            speakers.reverse()
        seeds = [sampling.seed if fixed_seed else secrets.randbits(62) for _ in speakers]
        answers = [
            Answer(speaker, sampling.model_copy(update={"seed": seed}))
            for speaker, seed in zip(speakers, seeds, strict=True)
        ]
        requests = [await answer.speaker.request(prompt, answer.sampling) for answer in answers]
        for answer, request in zip(answers, requests, strict=True):
            answer.start(request)
        return Turn(prompt, tuple(answers))

    def _history(self) -> list[Message]:
        messages = []
        for turn in self.turns:
            if turn.chosen is not None:
                messages.append(Message(role="user", content=turn.text))
                messages.append(Message(role="assistant", content=turn.answers[turn.chosen].text))
        return messages


class Conversations:
    """The conversation of each browser, in memory alone: what nobody voted on is gone with the process."""

    def __init__(self, speakers: Sequence[Speaker], toss: Toss = coin) -> None:
        self._speakers, self._toss = tuple(speakers), toss
        self._of: OrderedDict[str, Conversation] = OrderedDict()

    def of(self, browser: str) -> Conversation:
        """The one that a browser is in; a fresh one where there is none."""
        if browser not in self._of:
            return self.fresh()
        self._of.move_to_end(browser)
        return self._of[browser]

    async def keep(self, browser: str, conversation: Conversation) -> None:
        """Remember what a browser is in; the one that was left alone longest is let go where there are too many."""
        before = self._of.pop(browser, None)
        if before is not None and before is not conversation:
            await before.stop()
        self._of[browser] = conversation
        while len(self._of) > MOST:
            _, oldest = self._of.popitem(last=False)
            await oldest.stop()

    async def stop(self) -> None:
        """End whatever is being written."""
        for conversation in self._of.values():
            await conversation.stop()

    def fresh(self) -> Conversation:
        """One without turns, under the settings of the first speaker's run."""
        return Conversation(self._speakers, self._speakers[0].sampling, toss=self._toss)
