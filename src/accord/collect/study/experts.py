"""Experts: who judges what the crowd cannot settle, and from when on."""

from collections.abc import Iterator

from pydantic import Field

from accord.collect.study.section import Section, Word
from accord.feedback.store.earlier_records import ADJUDICATION

__all__ = ["Experts"]


class Experts(Section):
    """People invited as experts; items that the crowd cannot settle go to them: see `acquisition.is_unsettled`.

    Their places are their own, beside an item's overlap, and so are they outside of the quotas.
    """

    pool: Word = Field(default="expert", description="the pool of the evaluators who are invited as experts")
    after: int = Field(default=3, ge=1, description="answers of the crowd after which an item can count as unsettled")
    probability: float = Field(
        default=0.8, gt=0.5, lt=1, description="that the crowd's majority is right, for an item to count as settled"
    )
    answers: int = Field(default=1, ge=1, description="how many experts answer an unsettled item")
    only: bool = Field(default=True, description="whether experts get unsettled items only")

    def problems(self, study: str, *, overlap: int, stop: float | None) -> Iterator[tuple[str, str]]:
        """Keys that do not go together, with what to do about it; `stop` is the probability of the study's."""
        if self.pool in {study, ADJUDICATION}:
            yield "experts.pool", f'"{self.pool}" is the pool of others; choose another name'
        if self.after > overlap:
            yield "experts.after", f"is above overlap = {overlap}; raise overlap or lower it"
        if (all_alike := 1 - 0.5 ** (self.after + 1)) <= self.probability:
            remedy = "raise after or lower it"
            yield "experts.probability", f"{self.after} answers all alike give no more than {all_alike:g}; {remedy}"
        if stop is not None and self.probability > stop:
            remedy = "lower it, or items that are stopped would be unsettled"
            yield "experts.probability", f"is above stop.probability = {stop:g}; {remedy}"
