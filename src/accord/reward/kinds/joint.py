"""One reward from everything that was said: the product of the likelihoods of all kinds of judgement."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, Self, get_args

from pydantic import Field, FiniteFloat, field_validator, model_validator

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.idle_settings import without_effect
from accord.reward.kinds.bradley_terry import AnswerSettings
from accord.reward.kinds.critique import CritiqueSettings
from accord.reward.terms.answering import Answering

with deferred():
    from accord.reward.terms.acts import Evaluators
    from accord.reward.terms.base import Term
    from accord.reward.terms.comparisons import Comparisons
    from accord.reward.terms.corrections import Corrections
    from accord.reward.terms.critiques import Critiques
    from accord.reward.terms.demonstrations import Demonstrations
    from accord.reward.terms.graded_ratings import GradedRatings
    from accord.reward.terms.labels import LabelItems, options_of
    from accord.reward.terms.rankings import Rankings
    from accord.reward.terms.ratings import RatingRegression

__all__ = ["Joint"]

JointKind = Literal["comparison", "ranking", "rating", "label", "correction", "demonstration", "critique"]
JOINT_KINDS: tuple[JointKind, ...] = get_args(JointKind)


class Joint(AnswerSettings, CritiqueSettings):
    """Settings of a joint likelihood. Every act of judgement is read once, by the term of its kind.

    Comparisons and rankings set the scale of the reward; what else is said follows it as
    surely as they turn out to (`OwnNoise`; the slopes of labels).
    """

    objective: ClassVar[str] = (
        "the product of the likelihoods of all acts of judgement, each by the term of its kind: comparisons "
        "and corrections by Bradley-Terry, rankings by Plackett-Luce, ratings by each evaluator's own scale, "
        "labels and critiques by logistic models, demonstrations by Luce's choice"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset(JOINT_KINDS)

    kind: Literal["joint"] = "joint"
    judgements: tuple[JointKind, ...] = Field(
        default=JOINT_KINDS, min_length=1, description="the kinds of judgement that are learnt from"
    )
    kind_weights: dict[JointKind, FiniteFloat] = Field(
        default={}, description="what an act of a kind weighs; 1 where it is not named, as the likelihood has it"
    )
    ties: Literal["half", "davidson", "rao_kupper"] = Field(default="davidson", description="of comparisons")
    strength: Literal["ignored", "margin", "ordinal"] = Field(default="ignored", description="of comparisons")
    margin_scale: float = Field(default=1.0, gt=0, description="log-odds that a margin of the greatest strength has")
    ratings: Literal["cumulative", "regression"] = "cumulative"
    evaluator_std: float = Field(default=0.5, gt=0, description="how far evaluators' use of scales is from everybody's")

    @property
    def reads(self) -> frozenset[str]:
        """The kinds that are learnt from."""
        return frozenset(self.judgements)

    @property
    def answering(self) -> Answering:
        """How two scores become an answer."""
        return Answering(
            ties=self.ties,
            strength=self.strength,
            margin_scale=self.margin_scale,
            lapse=self.lapse,
            flip_rate=self.flip_rate,
        )

    @model_validator(mode="after")
    def _weights_are_positive(self) -> Self:
        for name, weight in self.kind_weights.items():
            if weight <= 0:
                raise ValueError(f"kind_weights.{name} = {weight:g} is not above 0; leave a kind out by `judgements`")
        return self

    @field_validator("judgements")
    @classmethod
    def _each_once(cls, judgements: tuple[JointKind, ...]) -> tuple[JointKind, ...]:
        for kind in judgements:
            if judgements.count(kind) > 1:
                raise ValueError(f"'{kind}' stands there twice; kind_weights says what a kind weighs")
        return judgements

    def contradictions(self) -> list[str]:
        """Those of all learnt rewards, and settings of kinds of judgement that are not learnt from."""
        read = self.judgements
        of_comparisons = ("lapse", "flip_rate", "ties", "strength", "margin_scale")
        needed: dict[str, tuple[bool, Sequence[str]]] = {
            "comparisons among judgements": ("comparison" in read, of_comparisons),
            "ratings among judgements": ("rating" in read, ("ratings", "evaluator_std")),
            "critiques among judgements": ("critique" in read, ("readers",)),
        }
        idle = [f"kind_weights: {name} is not among judgements" for name in self.kind_weights if name not in read]
        return [*super().contradictions(), *without_effect(self, needed), *idle]

    def terms(self, data: Dataset) -> Sequence[Term]:
        """A term for each kind that anybody used."""
        used = {record.judgement.kind for split in data.feedback for record in data.feedback[split]}
        return [self._term(kind, data) for kind in self.judgements if kind in used]

    def weight_of(self, term: str) -> float:
        """What an act of a kind weighs."""
        return {str(name): weight for name, weight in self.kind_weights.items()}.get(term, 1.0)

    def _term(self, kind: JointKind, data: Dataset) -> Term:
        make: dict[JointKind, Callable[[], Term]] = {
            "comparison": lambda: Comparisons.of(data, self.answering, acts=True),
            "ranking": lambda: Rankings.of(data),
            "rating": lambda: self._rating(data),
            "label": lambda: LabelItems(options_of(data)),
            "correction": lambda: Corrections(own_noise=True),
            "demonstration": lambda: Demonstrations(own_noise=True),
            "critique": lambda: Critiques(self.open_readers(), own_noise=True),
        }
        return make[kind]()

    def _rating(self, data: Dataset) -> Term:
        if self.ratings == "cumulative":
            return GradedRatings.of(data, evaluator_std=self.evaluator_std, own_noise=True)
        return RatingRegression(Evaluators(data), evaluator_std=self.evaluator_std, own_noise=True)
