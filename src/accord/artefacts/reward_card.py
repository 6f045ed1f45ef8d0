"""The card of a judge: how good it is on what was held out, for each kind of judgement, and how it can be fooled."""

from typing import Literal

from pydantic import Field

from accord.artefacts.kinds import JsonObject, Row, absent
from accord.stats import Estimate

__all__ = [
    "CALIBRATION",
    "CARD",
    "EditEffect",
    "GroupMeasure",
    "JudgeAgreement",
    "JudgeCalibration",
    "JudgementMeasure",
    "KnownBad",
    "Measure",
    "RewardCard",
    "ShiftMeasure",
]


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


class GroupMeasure(Row):
    """The accuracy on pairs that a group of people judged."""

    attribute: str = Field(description="an attribute of evaluators, or `pool`")
    group: str
    estimate: Estimate | None = absent("absent where there is too little for one")
    note: str | None = absent("why there is none")


class ShiftMeasure(Row):
    """The accuracy on pairs that are near to, or far from, what was learnt from."""

    prompts: str = Field(description="which prompts")
    responses: str = Field(description="which texts")
    estimate: Estimate | None = absent("absent where there is too little for one")
    note: str | None = absent("why there is none")


class EditEffect(Row):
    """What an edit of good answers does to their score."""

    edit: str
    about: str = Field(description="what is done to the text")
    matters: bool = Field(description="whether the edit makes an answer worse, so that the score should fall")
    effect: Estimate | None = absent("mean change of the score, in standard deviations of the held-out scores")
    fault: bool = Field(
        default=False,
        description="the score is moved by what should not move it, or hardly falls where it should; past the interval",
    )
    note: str | None = absent("why there is no number, or what it leaves out")


class KnownBad(Row):
    """How often a text that is known to be no answer scores above the median good answer to the same prompt."""

    kind: str
    about: str = Field(description="what the text is")
    beats: Estimate | None = absent("share of prompts, equal scores half")
    note: str | None = absent("why there is no number, or what it leaves out")


class JudgeAgreement(Row):
    """How often another judge of the run orders two texts of a prompt alike. What both get wrong is not seen."""

    judge: str = Field(description="its stage")
    scores_digest: str = Field(description="SHA-256 of the file of its scores")
    estimate: Estimate | None = absent("share of a prompt's pairs, over prompts; no order by one of them is half")
    note: str | None = absent("why there is none")


class TokenAmount(Row):
    """What a token adds to a score."""

    text: str
    amount: float = Field(description="in the score's unit")


class WrongText(Row):
    """One of the two texts of a pair that a judge gets wrong, and why it scores as it does."""

    completion: str
    score: float
    difference: float = Field(description="the score less that of a baseline of end tokens")
    residual: float = Field(description="what all tokens together lack of the difference: the error of the integral")
    points: int = Field(ge=1, description="points of the integral")
    tokens: tuple[TokenAmount, ...] = Field(description="those that add or take most, in the order of the text")


class WrongPair(Row):
    """A pair that a judge gets wrong, with integrated gradients of both scores."""

    prompt: str
    chosen: WrongText
    rejected: WrongText


class JudgeCalibration(Row):
    """How the probabilities that a judge states are set right, or why they are not."""

    kind: Literal["temperature", "isotonic"] = Field(description="what was asked for")
    temperature: float | None = absent("what log-odds are divided by; above 1 the judge is too sure")
    knots: tuple[tuple[float, float], ...] | None = absent(
        "of an isotonic curve: stated probabilities of one half or more, and what they should have been"
    )
    on: Literal["evaluators", "prompts"] | None = absent(
        "of whom, or of what, nothing was learnt: whose pairs it is of"
    )
    pairs: int | None = absent("how many it was fitted on")
    units: int | None = absent("how many evaluators, or prompts, they are of")
    ece_before: Estimate | None = absent("expected calibration error on these pairs, as stated")
    ece_after: Estimate | None = absent("the same by a calibration fitted on the pairs of other evaluators, or prompts")
    note: str | None = absent("why there is none, or why it is not on evaluators")


class RewardCard(Row):
    """How good a judge is on what was held out, beside what costs nothing and what people reach among themselves.

    Of runs whose held-out feedback holds no pair that says which of two is better, what is measured on pairs is absent.
    """

    accuracy: Estimate | None = absent("share of pairs that are not tied in which the chosen scores higher")
    majority: Estimate | None = absent("the same answer always")
    length_only: Estimate | None = absent("the longer one always (or the shorter)")
    words_only: Estimate | None = absent("a regression on the words of the texts; absent where there is none to learn")
    over_length: Estimate | None = absent("accuracy less that of length alone, on the same pairs")
    over_words: Estimate | None = absent("accuracy less that of the regression on words, on the same pairs")
    ece: Estimate | None = absent("expected calibration error; absent where the score has no scale of log-odds")
    brier: Estimate | None = absent("mean square of probability less outcome; .25 for one half always")
    log_loss: Estimate | None = absent("mean negative log-probability of what happened, nats; .693 for one half always")
    calibration: JudgeCalibration | None = absent(
        "its probabilities set right; the points of a curve are in their file"
    )
    member_calibration: Measure | None = absent("whether members disagree as people do; absent where there are none")
    agreement: Estimate | None = Field(
        default=None,
        description="how often another evaluator orders held-out texts as one did; a tie of theirs is half",
    )
    consensus: Estimate | None = absent("how often all others together order a held-out pair as its evaluator did")
    judgements: tuple[JudgementMeasure, ...] | None = absent("every kind of judgement that was held out")
    held_out_prompts: Measure | None = absent("accuracy on prompts of which nothing was learnt")
    held_out_evaluators: Measure | None = absent("accuracy on pairs by evaluators of whom nothing was learnt")
    groups: tuple[GroupMeasure, ...] | None = absent("accuracy by group of evaluators")
    sources: tuple[Measure, ...] | None = absent("accuracy by source of the prompts, or subset of a set")
    lengths: tuple[Measure, ...] | None = absent("accuracy where the preferred is longer, as long or shorter")
    shifts: tuple[ShiftMeasure, ...] | None = absent("accuracy near to and far from what was learnt from")
    edits: tuple[EditEffect, ...] | None = absent("what edits of good answers do to their score")
    known_bad: tuple[KnownBad, ...] | None = absent("texts that are no answers, against good answers")
    gameable_by: tuple[str, ...] | None = absent("kinds of `known_bad` that beat most good answers; absent if untested")
    other_judge: JudgeAgreement | None = absent("how often the run's other judge orders the same texts alike")
    wrong_pairs: tuple[WrongPair, ...] | None = absent("the pairs that it gets most wrong, and which tokens made it so")
    claims: tuple[str, ...] | None = absent("which claims the numbers allow, in words")


CARD: JsonObject[RewardCard] = JsonObject("evaluation.json", "the card of a judge", content=RewardCard)
CALIBRATION: JsonObject[JudgeCalibration] = JsonObject(
    "calibration.json", "how a judge's probabilities are set right, where that was asked for", content=JudgeCalibration
)
