"""The card of a judge: how good it is on what was held out, for each kind of judgement, and how it can be fooled."""

from pydantic import Field

from accord.artefacts.kinds import JsonObject, Row, absent
from accord.stats import Estimate

__all__ = ["CARD", "JudgementMeasure", "Measure", "RewardCard"]


class Measure(Row):
    """A number of the card, or why there is none."""

    name: str
    estimate: Estimate | None = absent("absent where there is too little for one")
    note: str | None = absent("why there is none, or what it leaves out")


class JudgementMeasure(Row):
    """A kind of judgement: how many acts of it there are, and how well the scores go with them."""

    kind: str
    acts: int = Field(ge=0, description="held-out acts of judgement; control questions and repeats are left out")
    learnt_from: int = Field(ge=0, description="acts of the split that was learnt from")
    name: str = Field(description="what was measured")
    estimate: Estimate | None = absent("absent where there is too little for one")
    note: str | None = absent("why there is none, or what it leaves out")


class RewardCard(Row):
    """How good a judge is on what was held out, beside what costs nothing and what people reach among themselves.

    Of runs whose held-out feedback holds no pair that says which of two is better, what is measured on pairs is absent.
    """

    accuracy: Estimate | None = absent("share of pairs that are not tied in which the chosen scores higher")
    majority: Estimate | None = absent("the same answer always")
    length_only: Estimate | None = absent("the longer one always (or the shorter)")
    words_only: Estimate | None = absent("a regression on the words of the texts; absent where there is none to learn")
    ece: Estimate | None = absent("expected calibration error; absent where the score has no scale of log-odds")
    brier: Estimate | None = absent("mean square of probability less outcome; .25 for one half always")
    log_loss: Estimate | None = absent("mean negative log-probability of what happened, nats; .693 for one half always")
    agreement: Estimate | None = Field(
        default=None,
        description="how often another evaluator orders held-out texts as one did; a tie of theirs is half",
    )
    consensus: Estimate | None = absent("how often all others together order a held-out pair as its evaluator did")
    judgements: tuple[JudgementMeasure, ...] | None = absent("every kind of judgement that was held out")
    claims: tuple[str, ...] | None = absent("which claims the numbers allow, in words")


CARD: JsonObject[RewardCard] = JsonObject("evaluation.json", "the card of a judge", content=RewardCard)
