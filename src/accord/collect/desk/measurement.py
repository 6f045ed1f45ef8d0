"""What is measured of an answer: the time since it could be given, what of it is paid, and the page's counts."""

from dataclasses import dataclass
from typing import Any

from accord.collect.desk.context import Transaction, moment
from accord.collect.desk.tasks import ClientTelemetry
from accord.collect.study import shown_digest
from accord.records import Completion, Feedback, Judgement, Prompt, Telemetry

__all__ = ["Measurement"]


@dataclass(frozen=True)
class Measurement:
    """An answer of a person's, to what was handed out as `name` at `issued` (seconds since 1970)."""

    tx: Transaction
    name: str
    person: str
    issued: float
    telemetry: ClientTelemetry

    def seconds(self) -> float | None:
        """The time since it was handed out; None, and a note, where the clock went back."""
        duration = self.tx.now - self.issued
        if duration >= 0:
            return float(round(duration, 3))
        problem = f"the clock went back {-duration:.0f} s while {self.name} was out"
        self.tx.note("clock", f"{problem}; its seconds are not known", self.person)
        return None

    def active_seconds(self) -> float | None:
        """What is paid: the time in which the page says that somebody was there, else the whole; None as `seconds`."""
        duration = self.tx.now - self.issued
        if duration < 0:
            return None
        active = duration if self.telemetry.seconds is None else min(self.telemetry.seconds, duration)
        return float(round(active, 3))

    def counts(self) -> Telemetry | None:
        """The page's counts as they go into the record; None where there are none."""
        counts = {name: getattr(self.telemetry, name) for name in ("pasted", "keystrokes", "focus_lost")}
        values: dict[str, Any] = {name: max(0, int(count)) for name, count in counts.items() if count is not None}
        if self.telemetry.seconds is not None and (active := self.active_seconds()) is not None:
            values["active_seconds"] = active
        return Telemetry(**values) if values else None

    def feedback(
        self, evaluator: str, judgement: Judgement, prompt: Prompt, shown: tuple[Completion, ...], **fields: Any
    ) -> Feedback:
        """The record of the answer: about what, shown how, in which study, when, and how long it took."""
        study, available = self.tx.study, shown_digest(prompt, shown)
        return Feedback(
            evaluator=evaluator,
            prompt=prompt.id,
            completions=tuple(completion.id for completion in shown),
            judgement=judgement,
            study=study.name,
            instructions=study.guideline_digest,
            shown_digest=self.telemetry.shown or available,
            available_digest=available,
            time=moment(self.tx.now),
            seconds=self.seconds(),
            round=study.round,
            telemetry=self.counts(),
            **fields,
        )
