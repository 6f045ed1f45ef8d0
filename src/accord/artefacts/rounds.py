"""What a round asked before it learnt anew: which texts, of whom and why; and what came of all rounds."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from accord.artefacts.kinds import JsonLines, JsonObject, RecordLines, Row, absent
from accord.errors import ArtefactError, storage
from accord.records import Completion
from accord.run import MANIFEST
from accord.stats import Estimate

__all__ = [
    "ASKED_ANSWERS",
    "ASKED_PAIRS",
    "ASKED_TEXTS",
    "ASKING",
    "ROUNDS",
    "AnsweredPair",
    "AskedPair",
    "AskingRow",
    "PeakRow",
    "RoundRow",
    "RoundsSummary",
    "RuleEvidence",
    "ShiftRow",
    "folder_of_round",
    "result_of",
]


class AskedPair(Row):
    """Two texts that somebody is asked about."""

    prompt: str = Field(description="id")
    completions: tuple[str, str] = Field(description="ids")
    writers: tuple[Literal["policy", "start"], Literal["policy", "start"]] = Field(
        description="who wrote each: the policy (of the round before, or at the step), or the first start"
    )
    evaluator: int = Field(ge=0, description="place of whoever is asked in the round's `evaluators`, from 0")
    answers: int = Field(ge=1, description="answers that it takes: the study's overlap where people are asked")
    probability: float | None = absent("that the first is preferred, by the reward as it was then")


class AnsweredPair(Row):
    """An answer on two texts, beside what the reward of the round before had foretold."""

    of: Literal["fresh", "held_out"] = Field(description="of what the round asked, or of what that reward held out")
    prompt: str = Field(description="id")
    evaluator: str | None = absent("id")
    chosen: str = Field(description="id of the completion that was preferred")
    rejected: str = Field(description="id of the other")
    writers: tuple[str, str] | None = absent("who wrote both, where the round asked: `policy` or `start`")
    logodds: float = Field(description="that the chosen one is preferred, as the reward stated it")


class RuleEvidence(Row):
    """What the answers since the last asking say against the reward."""

    answers: int = Field(ge=0, description="answers that it rests on")
    slopes: tuple[float, ...] = Field(description="how sure one may be of its log-odds, by its held-out pairs")
    batches: tuple[tuple[tuple[float, ...], ...], ...] = Field(
        description="of each probe, log likelihood ratios of the alternatives beside each slope, nats"
    )
    held_out: tuple[float, ...] | None = absent(
        "log-likelihood of its held-out pairs under each slope of a grid, nats; probes count as held-out evidence too"
    )
    answered: tuple[tuple[float, ...], ...] | None = absent(
        "of each probe, the log-odds that the reward stated of what was preferred"
    )
    e_value: float = Field(description="evidence against the reward; the rule asks from 1 / level on")


class ShiftRow(Row):
    """What became of the policy since a round last took answers: by it the rule may leave out a probe."""

    since: int = Field(ge=2, description="that round")
    kl: Estimate = Field(description="of the policy to the one whose texts were judged then, nats a sequence")
    doubt: Estimate | None = absent(
        "mean standard deviation that the reward gives its scores of fresh texts, less that of the texts judged then"
    )


class AskingRow(Row):
    """What a round asked."""

    number: int = Field(ge=2, description="of the round")
    learns_anew: bool = Field(description="whether the reward learns anew")
    reason: str = Field(description="why, or why not, in words")
    labels: int = Field(ge=0, description="answers that this round took, a probe's among them")
    spent: int = Field(ge=0, description="answers of all rounds so far")
    evidence: RuleEvidence | None = absent("where the rule decides")
    shift: ShiftRow | None = absent("by which the rule probes or not, where it may leave out a probe")


class PeakRow(Row):
    """Where the independent judge's curve over the rounds turns, as it is fitted: the law of RL of Gao et al. 2022."""

    at: Estimate = Field(description="the sqrt(KL) at which it is highest")
    reached: float = Field(description="sqrt(KL) of this round's policy")
    nearest: int = Field(ge=1, description="the round whose policy is nearest to the peak")
    change: Estimate = Field(
        description="mean score of this round's policy less that of the nearest round, on the same prompts"
    )

    @property
    def is_passed(self) -> bool:
        """Whether the policy surely is beyond the peak, and surely worse than that of the round nearest to it."""
        high, change = self.at.high, self.change.high
        return high is not None and high < self.reached and change is not None and change < 0


class RoundRow(Row):
    """A round that has ended."""

    number: int = Field(ge=1, description="of the round")
    digest: str = Field(description="over the files that later rounds rest on")
    labels: int = Field(ge=0, description="answers that it asked for")
    spent: int = Field(ge=0, description="answers of all rounds so far")
    between_steps: int | None = absent("of these, those asked for between the policy's steps")
    learnt_anew: bool | None = absent("whether the reward learnt anew; of the first round nothing is said")
    reason: str | None = absent("why it asked, or why not")
    kl: Estimate | None = absent("of its policy to what it is compared with, nats a sequence")
    win_rate: Estimate | None = absent("of its policy over what it is compared with, by its independent judge")
    gain: Estimate | None = absent(
        "mean score of its policy's texts less that of the policy before, both by this round's independent judge"
    )
    peak: PeakRow | None = absent("where the curve over the rounds turns, by this round's judge, if that is looked for")


class RoundsSummary(Row):
    """What came of the rounds."""

    budget: int = Field(ge=0, description="answers that all rounds together may ask for")
    spent: int = Field(ge=0, description="answers that they asked for")
    rounds: tuple[RoundRow, ...]
    result: int = Field(ge=1, description="the round whose policy is the result")
    ended: str | None = absent("why no further round is made")


ASKED_PAIRS: JsonLines[AskedPair] = JsonLines(
    "pairs.jsonl", "the pairs of texts that a round may ask about, in the order of asking", "ask", row=AskedPair
)
ASKED_TEXTS: RecordLines[Completion] = RecordLines(
    "completions.jsonl", "the texts of these pairs", "ask", row=Completion
)
ASKED_ANSWERS: JsonLines[AnsweredPair] = JsonLines(
    "answers.jsonl",
    "what was said of pairs by the policy, and of held-out ones, beside what the reward had foretold",
    "ask",
    row=AnsweredPair,
)
ASKING: JsonObject[AskingRow] = JsonObject("asking.json", "what a round asked, and why", "ask", content=AskingRow)
ROUNDS: JsonObject[RoundsSummary] = JsonObject(
    "rounds.json", "the rounds of a run of several, beside their folders in `rounds/`", "rounds", content=RoundsSummary
)


def folder_of_round(path: Path, number: int) -> Path:
    """The folder of a round in that of its run."""
    return path / "rounds" / f"{number:02d}"


def result_of(path: Path) -> Path:
    """Where `path` is a run in rounds, the folder of the round whose policy is its result so far; else `path`.

    Raises `ArtefactError` where what came of the rounds cannot be read.
    """
    file = path / ROUNDS.file
    with storage(file):
        if file.is_file():
            try:
                return folder_of_round(path, RoundsSummary.model_validate_json(file.read_bytes(), strict=False).result)
            except ValidationError as error:
                raise ArtefactError(f"{file}: not what came of rounds ({error.error_count()} problems)") from error
        first = folder_of_round(path, 1)
        return first if (first / MANIFEST).is_file() else path
