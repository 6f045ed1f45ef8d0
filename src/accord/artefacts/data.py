"""What the stage `data` leaves: who was asked what, what was written, what was said of it, and the examples drawn."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from accord.artefacts.kinds import JsonLines, JsonObject, RecordLines, Row, absent
from accord.errors import ArtefactError
from accord.records import Completion, Evaluator, Example, Feedback, Pair, Prompt
from accord.stats import Estimate

__all__ = [
    "COMPLETIONS",
    "DEPLOYMENT_PROMPTS",
    "EVALUATORS",
    "EXAMPLES",
    "POPULATION",
    "PROMPTS",
    "SPLITS",
    "SUMMARY",
    "TRUST",
    "DataSummary",
    "EvaluatorTrust",
    "Population",
    "PromptRow",
    "RakingSummary",
    "SplitTrust",
    "TrustSummary",
    "feedback_of",
    "pairs_of",
]

SPLITS = ("train", "eval_reward", "held_out")
"""For the reward model and the policy, for the independent judge, and for the evaluation of both."""


@dataclass(frozen=True)
class PromptRow:
    """A prompt and the split that it belongs to."""

    prompt: Prompt
    split: str


@dataclass(frozen=True)
class _PromptLines(JsonLines[PromptRow]):
    """JSON lines of prompts: `{"id": ..., <fields of the prompt>, "split": ...}`."""

    def encode(self, value: PromptRow) -> str:
        """The prompt as one line of JSON, its split last."""
        return f'{_PROMPT.encode(value.prompt)[:-1]},"split":"{value.split}"}}'

    def decode(self, text: bytes | str, place: str) -> PromptRow:
        """The prompt and its split. Raises `ArtefactError` where one of them is not there."""
        content = self.content_of(text, place)
        split = content.pop("split", None)
        if not isinstance(split, str):
            raise ArtefactError(f"{place} split: missing; run the stage that writes this file again")
        return PromptRow(_PROMPT.from_content(content, place), split)

    def schema(self) -> dict[str, Any]:
        """The schema of a prompt with its split."""
        schema = _PROMPT.schema()
        schema["properties"]["split"] = {"enum": list(SPLITS), "title": "Split", "type": "string"}
        schema["required"] = [*schema["required"], "split"]
        return schema


class DataSummary(Row):
    """Counts of what was read and drawn."""

    feedback: dict[str, int] | None = absent("acts of judgement read, by kind")
    possible_pairs: int | None = absent("pairs that the feedback implies, before the limit")
    unused: dict[str, int] | None = absent("feedback that no pair was drawn from, by reason")
    examples: dict[str, int] | None = absent("what the supervised start learns from, by source")
    bound_twice: int | None = absent("feedback left out of all splits, since it would stand in two of them")
    agreement: Estimate | None = Field(
        default=None,
        description="how often another evaluator orders held-out texts as one did; a tie of theirs is half",
    )
    consensus: Estimate | None = absent("how often all others together order a held-out pair as its evaluator did")
    evaluators: int
    prompts: dict[str, int] = Field(description="by split")
    completions: int
    pairs: dict[str, int] = Field(description="by split")
    ties: dict[str, int] = Field(description="by split")
    about: str | None = Field(default=None, description="what people were asked, in a sentence")


class EvaluatorTrust(Row):
    """How far one evaluator's answers are trusted."""

    evaluator: str
    accuracy: Estimate = Field(description="how often right, drawn to the pool's rate")
    usual: float = Field(description="how often an ordinary evaluator is, on the same items")
    standing: Literal["ordinary", "careless", "another view", "unclear"]
    weight: float = Field(description="by reliability alone")


class RakingSummary(Row):
    """How near pairs, or supervised examples, come to a population's shares, by all their weights together."""

    error: float = Field(description="largest difference of a weighted share from its target")
    missing: dict[str, tuple[str, ...]] = Field(description="groups of the target that nobody is of, by attribute")


class SplitTrust(Row):
    """The weights of a split's pairs, whose mean is 1."""

    unused: str | None = absent("why no answer is weighed by reliability")
    gain: Estimate | None = absent("log-likelihood of held-out votes beyond one accuracy for all, nats a vote")
    evaluators: tuple[EvaluatorTrust, ...]
    raking: RakingSummary | None = absent("of the pairs")
    examples_raking: RakingSummary | None = absent("of the supervised examples")
    pairs: int
    effective_pairs: float = Field(description="pairs of equal weight that are worth as much (Kish 1965)")
    weights: dict[str, float] | None = absent(
        "of an answer that is no pair, by evaluator; their mean over answers is 1"
    )


class TrustSummary(Row):
    """What answers weigh in training, and why."""

    model: Literal["control", "one_coin", "dawid_skene", "none"]
    pools: dict[str, float] = Field(description="weight of an evaluator's answers by pool")
    splits: dict[str, SplitTrust]


class Population(Row):
    """The population that the answers are to stand for."""

    shares: dict[str, dict[str, float]] = Field(description="by attribute, the share of each group")


_PROMPT: RecordLines[Prompt] = RecordLines("prompts.jsonl", "", row=Prompt)
PROMPTS = _PromptLines("prompts.jsonl", "the prompts, each with its split", "data", row=PromptRow)
COMPLETIONS: RecordLines[Completion] = RecordLines(
    "completions.jsonl", "the completions that feedback is about or adds", "data", row=Completion
)
EVALUATORS: RecordLines[Evaluator] = RecordLines("evaluators.jsonl", "who judged", "data", row=Evaluator)
EXAMPLES: JsonLines[Example] = JsonLines(
    "examples.jsonl", "what the supervised start learns from (of train only), and who said so", "data", row=Example
)
SUMMARY: JsonObject[DataSummary] = JsonObject("summary.json", "counts of the data", "data", content=DataSummary)
TRUST: JsonObject[TrustSummary] = JsonObject(
    "trust.json", "what answers weigh in training, where they are weighed, and why", "data", content=TrustSummary
)
POPULATION: JsonObject[Population] = JsonObject(
    "population.json",
    "the population that the answers are to stand for, where one was named",
    "data",
    content=Population,
)
DEPLOYMENT_PROMPTS: RecordLines[Prompt] = RecordLines(
    "deployment_prompts.jsonl",
    "prompts as they come where the policy is to work, where some were named",
    "data",
    row=Prompt,
)


def feedback_of(split: str) -> RecordLines[Feedback]:
    """The file of the feedback in a split: every kind of judgement."""
    return RecordLines(f"feedback-{split}.jsonl", f"what was said, of the split {split}", "data", row=Feedback)


def pairs_of(split: str) -> JsonLines[Pair]:
    """The file of the pairs of a split."""
    return _PairLines(f"pairs-{split}.jsonl", f"pairs drawn from the feedback of {split}", "data", row=Pair)


@dataclass(frozen=True)
class _PairLines(JsonLines[Pair]):
    """Pairs; what is unset is left out."""

    def encode(self, value: Pair) -> str:
        """The pair as one line of JSON."""
        return value.model_dump_json(exclude_none=True)
