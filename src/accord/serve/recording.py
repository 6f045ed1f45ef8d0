"""Requests and their answers, recorded beside serving: in a thread of its own, and no answer waits for it.

What cannot be written down is logged and counted, and the answer goes out all the same. An answer is recorded when all
of it was written; a client that leaves before has none that is recorded.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from accord.errors import AccordError, RecordError, RecordingError
from accord.feedback.deployment.answers import Counts, RecordedAnswer, ServingSession, moment
from accord.feedback.deployment.recording_policy import DECLINE_HEADER
from accord.feedback.deployment.recordings import Recordings
from accord.feedback.deployment.redaction import redact_prompt, redact_text
from accord.records import FinishReason, Prompt, Sampling

__all__ = ["STATE_HEADER", "Answered", "Recorder", "Ticket"]

STATE_HEADER = "x-accord-recording"
"""The answer's header that says whether it is recorded: `drawn`, `not drawn` or `declined`."""
MOST_WAITING = 1_000  # answers that wait to be written down; further ones are lost, and counted
AT_ONCE = 100
ENDS: dict[str | None, FinishReason] = {"stop": "eos", "length": "length"}
log = logging.getLogger("accord.record")


@dataclass(frozen=True)
class Ticket:
    """A request before it is answered, under the id that its client will be given."""

    name: str
    state: Literal["drawn", "not drawn", "declined"]
    requester: str | None


@dataclass(frozen=True)
class Answered:
    """A prompt of a request with the whole answers to it: their texts, and why each ended."""

    prompt: Prompt
    texts: tuple[str, ...]
    ends: tuple[str | None, ...]
    sampling: Sampling


@dataclass(frozen=True)
class _Waiting:
    ticket: Ticket
    endpoint: Literal["chat", "completions"]
    answered: tuple[Answered, ...]
    time: float


@dataclass(frozen=True)
class _Forget:
    name: str
    outcome: "Future[bool]" = field(default_factory=Future)


class Recorder:
    """Records a session's answers by its policy. `close` at the end, which waits for what is being written.

    Safe to call from the one thread that answers requests while another one writes.
    """

    def __init__(
        self, recordings: Recordings, session: ServingSession, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.session = session
        self._recordings = recordings
        self._clock = clock or _utc
        self._counts = Counts()
        self._lock = threading.Lock()
        self._waiting: queue.Queue[_Waiting | _Forget | None] = queue.Queue(MOST_WAITING)
        recordings.begin(session)
        self._thread = threading.Thread(target=self._write_on, name="accord-recording", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> Counts:
        """What became of requests so far."""
        with self._lock:
            return self._counts

    def ticket(self, name: str, *, store: bool | None, headers: Mapping[str, str], requester: str | None) -> Ticket:
        """Decide whether the answer of that id is recorded, before it is written."""
        policy = self.session.policy
        if not policy.allows(store=store, header=headers.get(DECLINE_HEADER)):
            self._count(requests=1, declines=1)
            return Ticket(name, "declined", None)
        if not policy.draws(name):
            self._count(requests=1)
            return Ticket(name, "not drawn", None)
        self._count(requests=1, draws=1)
        return Ticket(name, "drawn", requester)

    def take(self, ticket: Ticket, endpoint: Literal["chat", "completions"], answered: Sequence[Answered]) -> None:
        """Hand in the whole answers to a request. Never waits; of a ticket that was not drawn nothing is done."""
        if ticket.state != "drawn":
            return
        try:
            self._waiting.put_nowait(_Waiting(ticket, endpoint, tuple(answered), self._clock().timestamp()))
        except queue.Full:
            self._count(losses=1)
            log.warning("an answer is not recorded: %d wait to be written down already", MOST_WAITING)

    def lose(self, error: Exception) -> None:
        """Count an answer that could not be handed in, and say why."""
        self._count(losses=1)
        log.error("an answer is not recorded", exc_info=error)

    def forget(self, name: str) -> "Future[bool]":
        """Forget the recorded answer of that id, after what waits before it; whether there was one.

        The future raises what the ledger raises. Raises `RecordingError` where too much waits.
        """
        request = _Forget(name)
        try:
            self._waiting.put_nowait(request)
        except queue.Full as error:
            raise RecordingError("too much waits to be written down; ask again in a while") from error
        return request.outcome

    def close(self) -> Counts:
        """Wait for what is being written; what became of all requests."""
        self._waiting.put(None)
        self._thread.join()
        return self.counts

    def _write_on(self) -> None:
        """Write down what has come, many together, until the end is asked for."""
        together: list[_Waiting] = []
        while True:
            item = self._waiting.get()
            if isinstance(item, _Waiting):
                together.append(item)
            if together and (not isinstance(item, _Waiting) or len(together) >= AT_ONCE or self._waiting.empty()):
                self._write(together)
                together = []
            if isinstance(item, _Forget):
                self._forget(item)
            elif item is None:
                self._write([])  # the last counts
                return

    def _forget(self, request: _Forget) -> None:
        try:
            request.outcome.set_result(self._recordings.forget(request.name))
        except Exception as error:  # noqa: BLE001  # whoever asked is told
            request.outcome.set_exception(error)

    def _write(self, together: Sequence[_Waiting]) -> None:
        """Write some down in one transaction; where that fails, all of them are lost, and counted as that."""
        records: list[RecordedAnswer] = []
        unwritable = 0
        for each in together:
            try:
                records += self._records(each)
            except (RecordError, ValueError):
                unwritable += 1
                log.warning("an answer is not recorded: it holds a text that no record can")
        counts = self.counts.plus(records=len(together) - unwritable, losses=unwritable)
        try:
            self._recordings.keep(self.session, records, counts, now=self._clock().timestamp())
        except AccordError as error:
            log.warning("%d answers are not recorded: %s", len(together), error)
        except Exception:
            log.exception("%d answers are not recorded", len(together))
        else:
            self._count(records=len(together) - unwritable, losses=unwritable)
            return
        self._count(losses=len(together))

    def _records(self, waiting: _Waiting) -> list[RecordedAnswer]:
        """The records of a request, one a prompt, redacted. Raises `RecordError` or `ValueError` for odd texts."""
        from accord.audit.attacks.answers import is_refusal  # a server that records nothing does without the audit

        policy, records = self.session.policy, []
        for place, one in enumerate(waiting.answered):
            prompt, changed = redact_prompt(one.prompt, policy.redact)
            texts = [redact_text(text, policy.redact) for text in one.texts]
            has_texts, requester = policy.keep == "texts", waiting.ticket.requester
            records.append(
                RecordedAnswer(
                    name=waiting.ticket.name,
                    place=place,
                    session=self.session.id,
                    time=moment(waiting.time),
                    endpoint=waiting.endpoint,
                    prompt=prompt if has_texts else None,
                    texts=tuple(text for text, _ in texts) if has_texts else None,
                    prompt_digest=self._recordings.digest("prompt", one.prompt.id),
                    requester=self._recordings.digest("requester", requester)
                    if policy.requesters and requester is not None
                    else None,
                    letters=tuple(len(text) for text in one.texts),
                    refusals=tuple(is_refusal(text) for text, _ in texts),
                    ends=tuple(ENDS.get(end) for end in one.ends),
                    sampling=one.sampling,
                    redactions=changed + sum(count for _, count in texts),
                )
            )
        for record in records:
            _ = record.id  # a lone half of a character shows here, and not when all are written
        return records

    def _count(self, **more: int) -> None:
        with self._lock:
            self._counts = self._counts.plus(**more)


def _utc() -> datetime:
    return datetime.now(UTC)
