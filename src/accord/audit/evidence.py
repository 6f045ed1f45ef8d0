"""What the audit reads: the files of a run, each checked against its digest, and the ledger that it was drawn from.

An input that is not there raises `MissingEvidence`, which becomes a verdict of NOT_ASSESSABLE that names it: a check
never guesses, and never passes because there was nothing to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accord import artefacts
from accord.errors import LedgerError, MissingEvidence
from accord.feedback import Ledger
from accord.feedback.statistics.reliability import EvaluatorSummary, summarise_evaluators
from accord.interfaces import Judge
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt
from accord.run import RunDirectory

__all__ = [
    "CANDIDATES",
    "CARD",
    "COMPLETIONS",
    "EVALUATION",
    "EVALUATORS",
    "JUDGED_ROLLOUTS",
    "JUDGE_MODEL",
    "JUDGE_SPLIT",
    "METRICS",
    "PAIRS",
    "POLICY_MODEL",
    "PROMPTS",
    "REWARD_MODEL",
    "ROLLOUTS",
    "SAMPLES",
    "SCORES",
    "SFT_MODEL",
    "SUMMARY",
    "SUPERVISED",
    "Evidence",
]

PROMPTS, COMPLETIONS = artefacts.PROMPTS.path(), artefacts.COMPLETIONS.path()
EVALUATORS, SUPERVISED, SUMMARY = artefacts.EVALUATORS.path(), artefacts.EXAMPLES.path(), artefacts.SUMMARY.path()
PAIRS = artefacts.pairs_of("held_out").path()
JUDGE_SPLIT = "eval_reward"
SFT_MODEL, POLICY_MODEL, REWARD_MODEL, JUDGE_MODEL = (
    artefacts.MODEL.path(stage) for stage in ("sft", "policy", "reward", "eval_reward")
)
SCORES, CARD = artefacts.SCORES.path("reward"), artefacts.CARD.path("reward")
METRICS, ROLLOUTS, CANDIDATES = (
    lines.path("policy") for lines in (artefacts.METRICS, artefacts.SAMPLES, artefacts.CANDIDATES)
)
SAMPLES, EVALUATION = artefacts.EVALUATION_SAMPLES.path(), artefacts.EVALUATION.path()
JUDGED_ROLLOUTS = artefacts.JUDGED_ROLLOUTS.path()


@dataclass
class Evidence:
    """A run as the audit sees it.

    `judges` are handed in by whoever loads models (`reward`, `eval_reward`): the audit itself never loads one.
    """

    run: RunDirectory
    judges: Mapping[str, Judge] = field(default_factory=dict)

    def jsonl(self, name: str) -> list[dict[str, Any]]:
        """The rows of a JSON-lines artefact. Raises `MissingEvidence`; `ArtefactError` where it was altered."""
        self.require(name)
        return self.run.read_jsonl(name)

    def json(self, name: str) -> Any:
        """A JSON artefact. Raises `MissingEvidence`; `ArtefactError` where it was altered."""
        self.require(name)
        return self.run.read_json(name)

    def require(self, name: str) -> str:
        """The name again, where the run has it. Raises `MissingEvidence`."""
        if not self.run.has(name):
            raise MissingEvidence(f"{name} of the run")
        return name

    def first_of(self, *names: str) -> str:
        """The first of these artefacts that the run has. Raises `MissingEvidence` where it has none."""
        for name in names:
            if self.run.has(name):
                return name
        raise MissingEvidence(f"{' or '.join(names)} of the run")

    def judge(self, name: str) -> Judge:
        """The judge of that name. Raises `MissingEvidence` where none was handed in."""
        if name not in self.judges:
            raise MissingEvidence(f"the model of the judge '{name}'")
        return self.judges[name]

    @cached_property
    def prompts(self) -> dict[str, Prompt]:
        """By id."""
        return {row["id"]: Prompt.model_validate(_plain(row), strict=False) for row in self.jsonl(PROMPTS)}

    @cached_property
    def split_of(self) -> dict[str, str]:
        """The split of each prompt, by id."""
        return {row["id"]: row["split"] for row in self.jsonl(PROMPTS)}

    @cached_property
    def completions(self) -> dict[str, Completion]:
        """By id."""
        rows = self.jsonl(COMPLETIONS)
        return {row["id"]: Completion.model_validate(_plain(row), strict=False) for row in rows}

    @cached_property
    def evaluators(self) -> dict[str, Evaluator]:
        """By id."""
        rows = self.jsonl(EVALUATORS)
        return {row["id"]: Evaluator.model_validate(_plain(row), strict=False) for row in rows}

    def pairs(self, split: str) -> list[Pair]:
        """The pairs of `train`, `eval_reward` or `held_out`."""
        return [Pair.model_validate(row, strict=False) for row in self.jsonl(artefacts.pairs_of(split).path())]

    @cached_property
    def feedback(self) -> dict[str, Feedback]:
        """Every act of judgement by id, in the order of the ledger, as far as the run had read it.

        Raises `MissingEvidence` where the ledger is not named, or cannot be read.
        """
        recorded = self.run.manifest.inputs.get("ledger")
        if recorded is None:
            raise MissingEvidence("the ledger among the inputs of the manifest")
        where = recorded.url or self.run.path / str(recorded.path)
        try:
            ledger = Ledger(where, write=False)
        except LedgerError as error:
            raise MissingEvidence(f"the ledger that the manifest names ({error})") from error
        with ledger:
            return {answer.id: answer for answer in ledger.feedback(upto=recorded.last_row)}

    @cached_property
    def ledger_absent(self) -> str:
        """Why the ledger cannot be read; empty where it can."""
        try:
            _ = self.feedback
        except MissingEvidence as error:
            return error.what
        return ""

    @cached_property
    def summaries(self) -> list[EvaluatorSummary]:
        """What is known of each evaluator."""
        return summarise_evaluators(self.feedback.values(), evaluators=self.evaluators)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {"id", "split"}}
