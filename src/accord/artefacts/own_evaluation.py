"""What further judges and metrics of an evaluation say of its samples: those that `[evaluate]` names besides."""

from typing import Literal

from pydantic import Field

from accord.artefacts.kinds import JsonLines, JsonObject, Row, absent
from accord.stats import Estimate

__all__ = [
    "OWN_EVALUATION",
    "PAIR_READINGS",
    "TEXT_NUMBERS",
    "OrderReading",
    "OwnEvaluation",
    "PairCounts",
    "PairReading",
    "TextNumber",
]

Arm = Literal["start", "policy"]


class TextNumber(Row):
    """What a judge or metric makes of a sample."""

    arm: Arm
    index: int = Field(ge=0, description="of the sample in `evaluation/samples.jsonl`")
    prompt: str
    value: float


class OrderReading(Row):
    """What a model said of a pair in one order."""

    first: Arm = Field(description="whose text was shown first")
    preferred: Literal["start", "policy", "tie"] | None = absent("whose text it called better")
    declined: str | None = absent("why it called none: what could not be read, or what it said")
    replies: tuple[str, ...] = Field(description="what it wrote, each time that it was asked")
    input_tokens: int | None = absent("that it read, where the endpoint counts them")
    output_tokens: int | None = absent("that it wrote")


class PairReading(Row):
    """A text of the policy beside one of its start, as a model read them; or why it gave no answer."""

    question_digest: str = Field(description="of who was asked what")
    prompt: str
    policy: int = Field(ge=0, description="index of the policy's sample in `evaluation/samples.jsonl`")
    start: int = Field(ge=0, description="index of the start's")
    texts: tuple[str, str] = Field(description="ids of the two as completions, the policy's first")
    readings: tuple[OrderReading, ...] = Field(description="in both orders; none where the texts are the same")
    failed: str | None = absent("why there was no answer at all")


class PairCounts(Row):
    """What became of the pairs that a model was asked about."""

    pairs: int = Field(ge=0)
    counted: int = Field(ge=0, description="answered in both orders, or the same text twice: the win rate is of these")
    same_text: int = Field(ge=0, description="the same text twice, of which nobody was asked: a tie")
    declined: int = Field(ge=0, description="not judged, or not readably, in one order at least")
    failed: int = Field(ge=0, description="no answer in the end: time-outs, errors")
    input_tokens: int | None = absent("that the answers cost, where all were counted")
    output_tokens: int | None = absent()


class OwnEvaluation(Row):
    """The policy against its start, by one judge or metric."""

    role: Literal["judge", "metric"]
    kind: str
    by: str = Field(description="who it is: a model with its place, a function with its file, a rule")
    trained_on: str | None = absent("why it is not independent; absent where the policy did not learn from it")
    win_rate: Estimate | None = absent("of the policy over the start; ties count half; absent for metrics")
    start: Estimate | None = absent("mean number of the start's texts")
    policy: Estimate | None = absent("of the policy's")
    difference: Estimate | None = absent("policy less start, by prompt: n is prompts")
    accuracy: Estimate | None = absent("of a judge that scores: how often it orders held-out pairs as people did")
    pairs: PairCounts | None = absent("where a model compared pairs")
    first_shown: Estimate | None = absent("how often it preferred what was shown first; a tie is half")
    both_orders: Estimate | None = absent("pairs of which it said the same in both orders")
    evaluator: dict[str, str] | None = absent("what would make the model answer otherwise")


TEXT_NUMBERS: JsonLines[TextNumber] = JsonLines(
    "numbers.jsonl", "what a further judge, or a metric, makes of each sample of the evaluation", row=TextNumber
)
PAIR_READINGS: JsonLines[PairReading] = JsonLines(
    "pairs.jsonl", "what a model that judges said of pairs of samples, in both orders", row=PairReading
)
OWN_EVALUATION: JsonObject[OwnEvaluation] = JsonObject(
    "comparison.json", "the policy against its start, by a further judge or metric", content=OwnEvaluation
)
