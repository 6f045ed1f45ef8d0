"""Rewards from marked stretches of texts: an output for each kind of error (Wu et al. 2023, arXiv 2306.01693)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.records import Correction, Spans
from accord.reward.segments.settings import SegmentReward

with deferred():
    from accord.feedback import Judged
    from accord.lm.reward_model import ScalarHeadModel
    from accord.reward.segments.labels import Label, changed, check_spans, span_labels
    from accord.reward.segments.reading import ReadText
    from accord.reward.segments.span_judge import ErrorKind, SpanJudge

__all__ = ["CORRECTED", "Density", "SpanReward"]

CORRECTED = "corrected"
"""The kind of error that corrections show."""
Density = Literal["token", "part", "sentence", "whole"]


class SpanReward(SegmentReward):
    """Settings of a reward learnt from spans: how likely errors of each kind are, segment by segment.

    What an evaluator did not mark is right to them.
    """

    objective: ClassVar[str] = (
        "logistic, segment by segment: P(a segment has an error of kind k) = F(s_k), F(x) = 1 / (1 + "
        "exp(-x)); the score is what segments earn, weight_k (bonus (1 - p_k) - p_k)"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"spans"})

    kind: Literal["spans"] = "spans"
    types: Mapping[str, tuple[str, ...]] = Field(
        default={}, description="kinds of error, each by the types of spans that it takes in; unset: each type is one"
    )
    density: Density = Field(default="sentence", description="the segments in which errors are looked for")
    densities: Mapping[str, Density] = Field(default={}, description="by kind of error, where it is another")
    weights: Mapping[str, float] = Field(default={}, description="what a sure error costs, by kind; 1 where unset")
    bonus: float = Field(default=0.0, ge=0, description="what a segment without errors earns, where an error costs 1")
    aggregation: Literal["sum", "mean"] = Field(
        default="sum", description="of a text's segments; under the sum long texts lose more"
    )
    corrections: bool = Field(
        default=False, description=f"what corrections changed is a kind of error besides, `{CORRECTED}`"
    )

    @property
    def reads(self) -> frozenset[str]:
        """Spans; and corrections, where they are asked for."""
        return self.learns_from | (frozenset({"correction"}) if self.corrections else frozenset())

    @model_validator(mode="after")
    def _known_kinds(self) -> Self:
        if not self.types:
            return self
        known = {*self.types, CORRECTED} if self.corrections else set(self.types)
        for key, named in (("densities", self.densities), ("weights", self.weights)):
            if unknown := sorted(named.keys() - known):
                raise ValueError(f"{key}.{unknown[0]}: not one of the kinds {', '.join(sorted(known))}")
        return self

    def judgements(self, data: Dataset, split: str) -> list[Judged]:  # type: ignore[type-arg]  # of several kinds
        """Spans, and corrections where they are asked for. Raises `RecipeError` where a span is beyond its text."""
        spans = data.spans(split)
        for each in spans:
            check_spans(each.feedback, each.judgement.spans, data.completions[each.feedback.completions[0]])
        return [*spans, *(data.corrections(split) if self.corrections else [])]

    def outputs(self, judgements: Sequence[Judged]) -> tuple[str, ...]:  # type: ignore[type-arg]
        """The kinds of error, in order. Raises `RecipeError` where a kind has no span, or there is none at all."""
        marked = {
            span.type for each in judgements if isinstance(each.judgement, Spans) for span in each.judgement.spans
        }
        kinds = self.types or {name: (name,) for name in sorted(marked)}
        if missing := [name for name, types in kinds.items() if not marked.intersection(types)]:
            known = ", ".join(sorted(marked)) or "none"
            raise RecipeError(f"types.{missing[0]}: no span is of such a type; there are {known}")
        corrected = any(isinstance(each.judgement, Correction) for each in judgements)
        names = (*kinds, *[CORRECTED] * corrected)
        if not names:
            raise RecipeError("no span is marked, so there is no kind of error to learn; nothing would be wrong")
        if unknown := sorted((self.densities.keys() | self.weights.keys()) - set(names)):
            raise RecipeError(
                f"densities or weights name '{unknown[0]}', and the kinds of error are {', '.join(names)}"
            )
        return names

    def labels(self, text: ReadText, judgement: Judged, names: Sequence[str]) -> Iterator[Label]:  # type: ignore[type-arg]
        """Of every segment, for every kind of error that this kind of judgement speaks of."""
        said, completion = judgement.judgement, text.completion
        corrects = isinstance(said, Correction)
        spans = changed(completion.text, said.text, CORRECTED) if corrects else said.spans
        outputs = [
            (number, frozenset(self.types.get(name, (name,))), self._density(name))
            for number, name in enumerate(names)
            if (name == CORRECTED and self.corrections) == corrects
        ]
        return span_labels(text, spans, outputs)

    def judge(self, model: ScalarHeadModel) -> SpanJudge:
        """The judge of texts."""
        kinds = tuple(ErrorKind(name, self._density(name), self.weights.get(name, 1.0)) for name in model.components)
        return SpanJudge(model, kinds, bonus=self.bonus, mean=self.aggregation == "mean")

    def _density(self, name: str) -> Density:
        return self.densities.get(name, self.density)
