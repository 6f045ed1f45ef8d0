"""What is measured of an answer: the time since it could be given, what of it is paid, and the page's counts."""

from dataclasses import dataclass
from typing import Any

from accord.collect.desk.context import Transaction, moment
from accord.collect.desk.tasks import ClientTelemetry
from accord.collect.study import AnyQuestion, shown_digest
from accord.records import Completion, Feedback, Judgement, Prompt, Telemetry

__all__ = ["Measurement"]


@dataclass(frozen=True)
class Measurement:
    """An answer of a person's, to what was handed out as `name` at `issued` (seconds since 1970).

    `issued` is None where it is not known how long it took, `at` when it was given where that is not now.
    """

    tx: Transaction
    name: str
    person: str
    issued: float | None
    telemetry: ClientTelemetry
    at: float | None = None

    @property
    def _moment(self) -> float:
        return self.tx.now if self.at is None else self.at

    def seconds(self) -> float | None:
        """The time since it was handed out; None, and a note, where the clock went back."""
        if self.issued is None:
            return None
        duration = self._moment - self.issued
        if duration >= 0:
            return float(round(duration, 3))
        problem = f"the clock went back {-duration:.0f} s while {self.name} was out"
        self.tx.note("clock", f"{problem}; its seconds are not known", self.person)
        return None

    def active_seconds(self) -> float | None:
        """What is paid: the time in which the page says that somebody was there, else the whole; None as `seconds`."""
        duration = -1.0 if self.issued is None else self._moment - self.issued
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
        self,
        evaluator: str,
        judgement: Judgement,
        prompt: Prompt,
        shown: tuple[Completion, ...],
        *,
        question: AnyQuestion | None = None,
        **fields: Any,
    ) -> Feedback:
        """The record of the answer: about what, shown how, in which study, when, and how long it took."""
        study, available = self.tx.study, shown_digest(prompt, shown)
        asked = study.question if question is None else question
        return Feedback(
            evaluator=evaluator,
            prompt=prompt.id,
            completions=tuple(completion.id for completion in shown),
            judgement=judgement,
            study=study.study_of(asked),
            instructions=study.guideline_digest_of(asked),
            shown_digest=self.telemetry.shown or available,
            available_digest=available,
            time=moment(self._moment),
            seconds=self.seconds(),
            round=study.round,
            telemetry=self.counts(),
            language=self.telemetry.language,
            **fields,
        )
