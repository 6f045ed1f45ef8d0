"""A vote as the ledger keeps it: a comparison of two texts in the order in which they stood, by somebody, at a time."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from accord.collect.study.form_fields import storable
from accord.errors import FormError
from accord.feedback.provenance import shown_digest
from accord.feedback.statistics.standings import BAD, Standings, standings_of
from accord.feedback.store.ledger import Ledger
from accord.records import Comparison, Completion, Evaluator, Feedback, Label, Record
from accord.serve.chat.conversations import Turn, Vote

__all__ = ["STUDY", "BallotBox", "pseudonym_of", "vote_records"]

STUDY = "chat"
"""The study under which votes are kept: one question, which of two answers is better."""


def pseudonym_of(browser: str) -> str:
    """Who votes, from a browser's random name, which cannot be told from it."""
    return f"browser-{hashlib.sha256(f'accord chat {browser}'.encode()).hexdigest()[:12]}"


def vote_records(
    turn: Turn, vote: Vote, evaluator: Evaluator, *, conversation: str, place: int, time: datetime, seconds: float
) -> list[Record]:
    """The records of a vote: who, what was asked, both texts with their models and sampling, and the comparison.

    Where both are bad it is a tie, and each text has a label `bad` besides. `place` counts the turns from 0, `seconds`
    go from when both answers were there to the vote. Raises `FormError` where a text holds a character that no record
    can.
    """
    if not all(storable(text) for text in (turn.text, *(answer.text for answer in turn.answers))):
        raise FormError("vote", "An answer holds a character that cannot be kept, so it cannot be voted on.")
    completions = [
        Completion(
            prompt=turn.prompt.id,
            text=answer.text,
            writer=answer.speaker.name,
            sampling=answer.sampling,
            finish_reason=answer.finish_reason,
        )
        for answer in turn.answers
    ]
    digest = shown_digest(turn.prompt, completions)
    common: dict[str, Any] = {"evaluator": evaluator.id, "prompt": turn.prompt.id, "study": STUDY, "time": time}
    common |= {"session": f"{STUDY}/{conversation}", "conversation": f"d-{conversation}", "position_in_session": place}
    common |= {"shown_digest": digest, "available_digest": digest, "seconds": round(seconds, 1)}
    names = tuple(completion.id for completion in completions)
    records: list[Record] = [evaluator, turn.prompt, *completions]
    comparison = Comparison(preferred="tie" if vote == "bad" else vote)
    records.append(Feedback(completions=names, judgement=comparison, **common))
    if vote == "bad":
        label = Label(selected=(BAD,), options=(BAD,))
        records += [Feedback(completions=(name,), judgement=label, **common) for name in names]
    return records


@dataclass
class BallotBox:
    """Where votes go: a ledger, written by one thread. `close` at the end.

    `evaluator` is whose they are, where one person alone has the page; else each browser is somebody.
    """

    ledger: Ledger
    evaluator: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "accord-votes"), repr=False)
    _counted: tuple[int, Standings | None] | None = None

    @property
    def name(self) -> str:
        """What the ledger is called, without the folder or the server that it is on."""
        return PurePath(str(self.ledger.location)).name

    def close(self) -> None:
        """Wait for what is being written."""
        self.thread.shutdown()

    def voter(self, browser: str) -> Evaluator:
        """Who votes in a browser."""
        return Evaluator(kind="person", pseudonym=self.evaluator or pseudonym_of(browser), pool=STUDY)

    def keep(self, turn: Turn, vote: Vote, browser: str, conversation: str, place: int, seconds: float) -> None:
        """Write a vote down, all of it or nothing. Raises `FormError`, `LedgerError` or `StorageError`."""
        time = self.clock()
        records = vote_records(
            turn, vote, self.voter(browser), conversation=conversation, place=place, time=time, seconds=seconds
        )
        self.ledger.add(*records)

    def standings(self) -> Standings | None:
        """Who stands where by all comparisons in the ledger; None where there are none. Counted when it has grown."""
        row = self.ledger.last_row
        if self._counted is None or self._counted[0] != row:
            self._counted = row, standings_of(self.ledger)
        return self._counted[1]
