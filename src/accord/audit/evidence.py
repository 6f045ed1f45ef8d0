"""What the audit reads: the files of a run, the judges handed in, and the ledger that the run was drawn from.

An input that is not there raises `MissingEvidence`, which becomes a verdict of NOT_ASSESSABLE that names it: a check
never guesses, and never passes because there was nothing to look at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from accord import artefacts
from accord.artefacts import (
    AnsweredPair,
    AnswerMeaning,
    AttackResult,
    CanaryRank,
    ComparedText,
    EvaluationSample,
    HarmMark,
    QuestionAnswer,
    RunReader,
    SteeringAnswer,
    TextLoss,
)
from accord.audit.scored_once import ScoredOnce
from accord.errors import LedgerError, MissingEvidence, MissingExtraError
from accord.extras import TRAIN, lacking
from accord.feedback import Ledger, current_feedback
from accord.feedback.deployment.recordings import Deployment, read_recordings
from accord.feedback.statistics.raking import Target
from accord.feedback.statistics.reliability import EvaluatorSummary, summarise_evaluators
from accord.interfaces import Judge
from accord.records import Completion, Evaluator, Feedback, Prompt
from accord.run import RunDirectory

__all__ = [
    "ASKED_ANSWERS",
    "ASKED_TEXTS",
    "ATTACK_RESULTS",
    "CANARY_RANKS",
    "CANDIDATES",
    "CARD",
    "COMPARED_TEXTS",
    "COMPLETIONS",
    "DEPLOYMENT_PROMPTS",
    "EVALUATION",
    "EVALUATORS",
    "EXAMPLES",
    "HARM_MARKS",
    "JUDGED_ROLLOUTS",
    "JUDGE_MODEL",
    "JUDGE_PAIRS",
    "MEANINGS",
    "METRICS",
    "NOBODY_ASKED",
    "NOTHING_RECORDED",
    "PAIRS",
    "POLICY_MODEL",
    "POPULATION",
    "PROMPTS",
    "QUESTION_ANSWERS",
    "REWARD_BESIDE",
    "REWARD_MODEL",
    "ROLLOUTS",
    "SAMPLES",
    "SCORES",
    "SFT_MODEL",
    "STEERING_ANSWERS",
    "SUMMARY",
    "TEXT_LOSSES",
    "TRAIN_PAIRS",
    "Elsewhere",
    "Evidence",
    "LedgerRecords",
]

T = TypeVar("T")

# Paths of what checks need, within the run or below its prefix.
PROMPTS, COMPLETIONS = artefacts.PROMPTS.path(), artefacts.COMPLETIONS.path()
EVALUATORS, EXAMPLES, SUMMARY = artefacts.EVALUATORS.path(), artefacts.EXAMPLES.path(), artefacts.SUMMARY.path()
TRAIN_PAIRS, JUDGE_PAIRS, PAIRS = (artefacts.pairs_of(split).path() for split in artefacts.SPLITS)
SFT_MODEL, POLICY_MODEL, REWARD_MODEL, JUDGE_MODEL = (
    artefacts.MODEL.path(stage) for stage in ("sft", "policy", "reward", "eval_reward")
)
SCORES, CARD = artefacts.SCORES.path("reward"), artefacts.CARD.path("reward")
METRICS, ROLLOUTS, CANDIDATES = (
    lines.path("policy") for lines in (artefacts.METRICS, artefacts.SAMPLES, artefacts.CANDIDATES)
)
SAMPLES, EVALUATION = artefacts.EVALUATION_SAMPLES.path(), artefacts.EVALUATION.path()
JUDGED_ROLLOUTS = artefacts.JUDGED_ROLLOUTS.path()
POPULATION, DEPLOYMENT_PROMPTS = artefacts.POPULATION.path(), artefacts.DEPLOYMENT_PROMPTS.path()
MEANINGS = artefacts.MEANINGS.path()
QUESTION_ANSWERS, TEXT_LOSSES = artefacts.QUESTION_ANSWERS.path(), artefacts.TEXT_LOSSES.path()
ATTACK_RESULTS, CANARY_RANKS = artefacts.ATTACK_RESULTS.path(), artefacts.CANARY_RANKS.path()
STEERING_ANSWERS, HARM_MARKS = artefacts.STEERING_ANSWERS.path(), artefacts.HARM_MARKS.path()
COMPARED_TEXTS = artefacts.COMPARED_TEXTS.path()
ASKED_ANSWERS, ASKED_TEXTS = artefacts.ASKED_ANSWERS.path(), artefacts.ASKED_TEXTS.path()

REWARD_BESIDE = "reward of "
"""How the names of judges begin that are rewards of runs beside this one (`reward of runs/seed-1`)."""
NOBODY_ASKED = "what people were asked after the run (`--audit-ledger LEDGER`)"
NOTHING_RECORDED = (
    "what the policy is asked and answers since its release (`accord serve RUN --record LEDGER`, then `--since LEDGER`)"
)


@dataclass(frozen=True)
class LedgerRecords:
    """What stands in a ledger, by id in its order: judgements that were not taken back, and all that they name."""

    feedback: Mapping[str, Feedback]
    evaluators: Mapping[str, Evaluator]
    prompts: Mapping[str, Prompt]
    completions: Mapping[str, Completion]

    @classmethod
    def of(cls, ledger: Ledger, *, upto: int | None = None) -> "LedgerRecords":
        """Read from a ledger, as far as its row `upto`."""
        last = ledger.last_row if upto is None else upto
        return cls(
            {answer.id: answer for answer in current_feedback(ledger.feedback(upto=last))},
            ledger.evaluators(),
            ledger.prompts(),
            ledger.completions(),
        )

    def and_those_of(self, later: "LedgerRecords") -> "LedgerRecords":
        """What stands in either."""
        return LedgerRecords(
            {**self.feedback, **later.feedback},
            {**self.evaluators, **later.evaluators},
            {**self.prompts, **later.prompts},
            {**self.completions, **later.completions},
        )


@dataclass(frozen=True)
class Elsewhere:
    """What is said of a run that other software made.

    models   folders of models that lie outside of the run, by the path that they would have in it
    words    what is missing, and how it would get there, in that software's words, by the path of what is missing;
             `ledger` and `judge` for those
    """

    models: Mapping[str, Path] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


class Evidence(RunReader):
    """A run as the audit sees it: a file that is asked for and missing raises `MissingEvidence`.

    An altered file raises `ArtefactError`, as everywhere. `judges` are handed in by whoever loads models (`reward`,
    `eval_reward`, `reward of RUN` of a run beside): the audit itself never loads one. `audit_ledger` is a ledger of
    what people were asked after the run, `since` one beside which its policy's answers were recorded once it was in
    use; `deployment_prompts` and `population` stand for the run's own; `beside` are runs of the same recipe with other
    seeds. No server that the run names is spoken to unless it is `trusted`; `elsewhere` is of runs of other software.
    """

    def __init__(
        self,
        run: RunDirectory,
        judges: Mapping[str, Judge] | None = None,
        *,
        prefix: str = "",
        trusted: bool = True,
        audit_ledger: Path | str | None = None,
        since: Path | str | None = None,
        deployment_prompts: Sequence[Prompt] | None = None,
        population: Target | None = None,
        beside: Sequence[Path | str] = (),
        elsewhere: Elsewhere | None = None,
    ) -> None:
        super().__init__(run, prefix=prefix)
        self.since = since
        self.elsewhere = elsewhere or Elsewhere()
        self._named_population = population
        self.trusted = trusted
        self.beside = tuple(beside)
        self.audit_ledger = audit_ledger
        self._deployment_prompts = deployment_prompts
        self.judges = dict(judges or {})
        self._worked_out: dict[str, object] = {}

    def once(self, name: str, work: Callable[[], T]) -> T:
        """What several checks need of this evidence, worked out by whoever asks first; an error is not kept."""
        if name not in self._worked_out:
            self._worked_out[name] = work()
        return self._worked_out[name]  # type: ignore[return-value]  # of the type that `work` gave it

    def holds(self, *paths: str) -> bool:
        """Whether the run has any of these artefacts, or one was handed in in its place."""
        handed_in = DEPLOYMENT_PROMPTS in paths and self._deployment_prompts is not None
        return handed_in or any(path in self.elsewhere.models or self.run.has(self.stage(path)) for path in paths)

    def lacking(self, *paths: str) -> str:
        """That none of these artefacts is there, in words: those of the software that made the run, where it has some.

        An artefact that the software has no words for is named by its path.
        """
        known = [self.elsewhere.words[path] for path in paths if path in self.elsewhere.words]
        return " or ".join(dict.fromkeys(known)) if known else f"{' or '.join(paths)} of the run"

    def first_of(self, *paths: str) -> str:
        """The first of these artefacts that the run has. Raises `MissingEvidence` where it has none."""
        for path in paths:
            if self.holds(path):
                return path
        raise MissingEvidence(self.lacking(*paths))

    def verified(self, path: str) -> Path:
        """A file or folder of the run, its digests checked. Raises `MissingEvidence` where the run has none."""
        if path in self.elsewhere.models:
            return self.elsewhere.models[path]
        if not self.run.has(path):
            raise MissingEvidence(self.lacking(path))
        return super().verified(path)

    def judge(self, name: str) -> Judge:
        """The judge of that name, asked about each text once. Raises `MissingEvidence` where none was handed in."""
        if name not in self.judges:
            raise MissingEvidence(self.lacking_judge(name))
        return self.once(f"judge {name}", lambda: ScoredOnce(self.judges[name]))

    def lacking_judge(self, *names: str) -> str:
        """That none of these judges was handed in, in words."""
        if "judge" in self.elsewhere.words:
            return self.elsewhere.words["judge"]
        closed = lacking(TRAIN)
        return "the model of the judge " + " or ".join(f"'{n}'" for n in names) + (f": {closed}" if closed else "")

    def samples_of(self, arm: str) -> list[EvaluationSample]:
        """The evaluation's samples of `start` or `policy` that have a token, as far as tokens were kept.

        Raises `MissingEvidence` where there are none.
        """
        rows = [row for row in self.evaluation_samples if row.arm == arm and row.token_ids != ()]
        if not rows:
            raise MissingEvidence(f"samples of the arm '{arm}' in {SAMPLES}")
        return rows

    @property
    def deployment_prompts(self) -> Sequence[Prompt]:
        """Prompts as they come where the policy is to work. Raises `MissingEvidence` where none were named."""
        if self._deployment_prompts is not None:
            return self._deployment_prompts
        return self.rows(artefacts.DEPLOYMENT_PROMPTS)

    @property
    def population(self) -> Target:
        """By attribute, the share of each group of those whom the answers are to stand for.

        The one that was handed in, or else the run's own. Raises `MissingEvidence` where there is neither.
        """
        if self._named_population is not None:
            return self._named_population
        if not self.has(artefacts.POPULATION):
            raise MissingEvidence(
                "the population that the answers are to stand for (`[data.population.ATTRIBUTE]` in the recipe, or "
                "`accord audit RUN --population FILE`)"
            )
        return self.value(artefacts.POPULATION).shares

    @property
    def question_answers(self) -> Sequence[QuestionAnswer]:
        """How both arms answer the audit's questions."""
        return self.rows(artefacts.QUESTION_ANSWERS)

    @property
    def text_losses(self) -> Sequence[TextLoss]:
        """How well both arms foretell plain texts."""
        return self.rows(artefacts.TEXT_LOSSES)

    @property
    def answer_meanings(self) -> Sequence[AnswerMeaning]:
        """Which answers of both arms mean the same."""
        return self.rows(artefacts.MEANINGS)

    @property
    def attack_results(self) -> Sequence[AttackResult]:
        """What attacks on both arms came to."""
        return self.rows(artefacts.ATTACK_RESULTS)

    @property
    def canary_ranks(self) -> Sequence[CanaryRank]:
        """How likely both arms make private strings."""
        return self.rows(artefacts.CANARY_RANKS)

    @property
    def steering_answers(self) -> Sequence[SteeringAnswer]:
        """What both arms answer to challenging prompts, and to others."""
        return self.rows(artefacts.STEERING_ANSWERS)

    @property
    def harm_marks(self) -> Sequence[HarmMark]:
        """What lists, judges and prompts make of the samples of both arms."""
        return self.rows(artefacts.HARM_MARKS)

    @property
    def compared_texts(self) -> Sequence[ComparedText]:
        """References with a change, as the reward that compares texts judges them."""
        return self.rows(artefacts.COMPARED_TEXTS)

    @property
    def asked_answers(self) -> Sequence[AnsweredPair]:
        """What was said of pairs that the reward of the round before had foretold."""
        return self.rows(artefacts.ASKED_ANSWERS)

    @property
    def asked_texts(self) -> Sequence[Completion]:
        """The texts that this round asked about."""
        return self.rows(artefacts.ASKED_TEXTS)

    @property
    def ledger_feedback(self) -> Mapping[str, Feedback]:
        """Every act of judgement that stands by id, in the order of the ledger, as far as the run had read it.

        Raises `MissingEvidence` where the ledger is not named, or cannot be read.
        """
        return self.ledger_records.feedback

    @cached_property
    def audit_records(self) -> LedgerRecords:
        """What people said when they were asked after the run. Raises `MissingEvidence` where nobody was."""
        if self.audit_ledger is None:
            raise MissingEvidence(NOBODY_ASKED)
        with Ledger(self.audit_ledger, write=False) as ledger:
            return LedgerRecords.of(ledger)

    @cached_property
    def recordings(self) -> Deployment:
        """What was recorded since the release. Raises `MissingEvidence` where nothing was named or can be read."""
        if self.since is None:
            raise MissingEvidence(NOTHING_RECORDED)
        try:
            return read_recordings(self.since)
        except LedgerError as error:
            raise MissingEvidence(f"recorded answers ({error})") from error

    @cached_property
    def all_records(self) -> LedgerRecords:
        """What people said before the run and, where they were asked again, after it. Raises `MissingEvidence`."""
        ledger_records = self.ledger_records
        return ledger_records if self.audit_ledger is None else ledger_records.and_those_of(self.audit_records)

    @cached_property
    def ledger_records(self) -> LedgerRecords:
        """What stands in the ledger that the run was drawn from, as far as the run had read it.

        Raises `MissingEvidence` where the ledger is not named, or cannot be read.
        """
        recorded = self.run.manifest.inputs.get("ledger")
        if recorded is None:
            raise MissingEvidence(self.elsewhere.words.get("ledger", "the ledger among the inputs of the manifest"))
        if recorded.url is not None and not self.trusted:
            raise MissingEvidence(f"the ledger at {recorded.url}, a server that the run names (--trust-run opens it)")
        location = recorded.url or self.run.path / str(recorded.path)
        try:
            ledger = Ledger(location, write=False)
        except (LedgerError, MissingExtraError) as error:
            raise MissingEvidence(f"the ledger that the manifest names ({error})") from error
        with ledger:
            return LedgerRecords.of(ledger, upto=recorded.last_row)

    @property
    def ledger_absent(self) -> str:
        """Why the ledger cannot be read; empty where it can."""
        try:
            _ = self.ledger_feedback
        except MissingEvidence as error:
            return error.what
        return ""

    @cached_property
    def summaries(self) -> list[EvaluatorSummary]:
        """What is known of each evaluator."""
        return summarise_evaluators(self.ledger_feedback.values(), evaluators=self.evaluators)
