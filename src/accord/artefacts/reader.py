"""A run as it is read: every file once, each row a typed record, and what is not there is said."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, Self, TypeVar

from accord.artefacts.audit import FINDINGS
from accord.artefacts.data import (
    COMPLETIONS,
    EVALUATORS,
    EXAMPLES,
    PROMPTS,
    SUMMARY,
    TRUST,
    DataSummary,
    PromptRow,
    TrustSummary,
    feedback_of,
    pairs_of,
)
from accord.artefacts.evaluation import (
    CURVE,
    EVALUATION,
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    SCORES,
    CurvePoint,
    EvaluationSample,
    JudgedRollout,
    PolicyEvaluation,
    ScoreRow,
)
from accord.artefacts.file_records import records_by_id
from accord.artefacts.file_rows import rows_of
from accord.artefacts.finding import Finding
from accord.artefacts.kinds import Artefact, JsonLines, JsonObject, Text
from accord.artefacts.on_demand import on_demand_if_many
from accord.artefacts.reward_card import CARD, RewardCard
from accord.artefacts.training import CANDIDATES, METRICS, SAMPLES, Candidate, Metrics, RolloutRow
from accord.records import Completion, Evaluator, Example, Feedback, Pair, Prompt
from accord.run import RunDirectory

__all__ = ["RECIPE", "REPORT", "RunReader"]

T = TypeVar("T")

RECIPE = Text("recipe.toml", "the settings as resolved, loadable as they stand", "recipe")
REPORT = Text("report.html", "the report: one self-contained page", "report")


class RunReader:
    """The files of a run, each parsed once; of files too large to be held the rows are parsed in each pass.

    Whatever is asked for and missing raises `ArtefactError` that names the file; `has` tells beforehand. An altered
    file, or one that does not hold what it should, raises `ArtefactError` too. `prefix` is where the stages stand that
    are meant (`rounds/03`).
    """

    def __init__(self, run: RunDirectory, *, prefix: str = "") -> None:
        self.run = run
        self.prefix = prefix
        self._parsed: dict[tuple[str, str], tuple[str, Any]] = {}

    @classmethod
    def of(cls, run: RunDirectory, *, prefix: str = "") -> Self:
        """The one reader of an open run, so that its files are parsed once and not by each caller."""
        reader: Self = run.readers.setdefault(prefix, cls(run, prefix=prefix))
        return reader

    def stage(self, name: str) -> str:
        """The stage below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix and name else name

    def has(self, artefact: Artefact, stage: str = "") -> bool:
        """Whether the run has it."""
        return artefact.has(self.run, self.stage(stage or artefact.stage))

    def path(self, artefact: Artefact, stage: str = "") -> str:
        """The artefact's path inside the run."""
        return artefact.path(self.stage(stage or artefact.stage))

    def verified(self, path: str) -> Path:
        """A file or folder of the run by its path, digests checked."""
        return self.run.verified(path)

    def rows(self, lines: JsonLines[T], stage: str = "") -> Sequence[T]:
        """The rows of a file; those of a large one (`file_rows`) are read again in each pass."""
        return self._once(lines, stage, lambda at: rows_of(lines, self.run, at))

    def value(self, content: JsonObject[T], stage: str = "") -> T:
        """The value in a file."""
        return self._once(content, stage, lambda at: content.read(self.run, at))

    # -- data ------------------------------------------------------------------------------------------------

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """By id, in the order of the file; those of a large one (`file_records`) are read when they are asked for."""
        return self._once(PROMPTS, "", lambda _: records_by_id(self._prompt_rows, attrgetter("prompt")), "by id")

    @property
    def split_of(self) -> dict[str, str]:
        """The split of each prompt, by id."""
        return self._once(PROMPTS, "", lambda _: {row.prompt.id: row.split for row in self._prompt_rows}, "split")

    def prompts_of(self, split: str) -> Sequence[Prompt]:
        """The prompts of a split, in the order of the file."""
        names = [name for name, of in self.split_of.items() if of == split]
        return on_demand_if_many(len(names), lambda place: self.prompts[names[place]], of=self.prompts)

    @property
    def completions(self) -> Mapping[str, Completion]:
        """By id, in the order of the file; those of a large one are read when they are asked for."""
        return self._once(COMPLETIONS, "", lambda _: records_by_id(self.rows(COMPLETIONS), lambda row: row), "by id")

    @property
    def evaluators(self) -> dict[str, Evaluator]:
        """By id, in the order of the file."""
        return self._once(EVALUATORS, "", lambda _: {row.id: row for row in self.rows(EVALUATORS)}, "by id")

    def pairs(self, split: str) -> Sequence[Pair]:
        """The pairs of a split."""
        return self.rows(pairs_of(split))

    def feedback(self, split: str) -> Sequence[Feedback]:
        """What was said, of a split."""
        return self.rows(feedback_of(split))

    @property
    def examples(self) -> Sequence[Example]:
        """What the supervised start learns from."""
        return self.rows(EXAMPLES)

    @property
    def summary(self) -> DataSummary:
        """Counts of the data."""
        return self.value(SUMMARY)

    # -- training --------------------------------------------------------------------------------------------

    @property
    def trust(self) -> TrustSummary | None:
        """What answers weigh; None where they were not weighed."""
        return self.value(TRUST) if self.has(TRUST) else None

    def metrics(self, stage: str) -> Sequence[Metrics]:
        """The training of a stage, step by step."""
        return self.rows(METRICS, stage)

    def samples(self, stage: str = "policy") -> Sequence[RolloutRow]:
        """The samples that the policy learnt from."""
        return self.rows(SAMPLES, stage)

    def candidates(self, stage: str = "policy") -> Sequence[Candidate]:
        """Texts that were judged or graded before the policy learnt from some."""
        return self.rows(CANDIDATES, stage)

    def scores(self, stage: str) -> Sequence[ScoreRow]:
        """A judge's scores of held-out completions."""
        return self.rows(SCORES, stage)

    def card(self, stage: str) -> RewardCard:
        """The card of a judge."""
        return self.value(CARD, stage)

    # -- afterwards ------------------------------------------------------------------------------------------

    @property
    def evaluation(self) -> PolicyEvaluation:
        """The policy against its start."""
        return self.value(EVALUATION)

    @property
    def evaluation_samples(self) -> Sequence[EvaluationSample]:
        """Fresh samples of both arms."""
        return self.rows(EVALUATION_SAMPLES)

    @property
    def judged_rollouts(self) -> Sequence[JudgedRollout]:
        """The independent judge's opinion on rollouts."""
        return self.rows(JUDGED_ROLLOUTS)

    @property
    def curve(self) -> Sequence[CurvePoint]:
        """Reward and judge over KL, step by step."""
        return self.rows(CURVE)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the audit."""
        return FINDINGS.read(self.run, self.stage(FINDINGS.stage))

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The settings as nested dictionaries."""
        return tomllib.loads(RECIPE.read(self.run))

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by finished stage, in order: of all goes at it."""
        return {name: entry.seconds for name, entry in self.run.manifest.stages.items()}

    @property
    def goes(self) -> dict[str, int]:
        """In how many goes each finished stage was made, in order: 1 where it was not stopped on the way."""
        return {name: entry.goes for name, entry in self.run.manifest.stages.items()}

    # -- inside ----------------------------------------------------------------------------------------------

    @property
    def _prompt_rows(self) -> Sequence[PromptRow]:
        return self.rows(PROMPTS)

    def _once(self, artefact: Artefact, stage: str, read: Callable[[str], T], form: str = "rows") -> T:
        """What `read` makes of a file, again only where the file was written anew; `form` names what it makes."""
        path = self.path(artefact, stage)
        self.verified(path)
        digest = self.run.manifest.files[path].sha256
        if (path, form) not in self._parsed or self._parsed[path, form][0] != digest:
            self._parsed[path, form] = digest, read(self.stage(stage or artefact.stage))
        parsed: T = self._parsed[path, form][1]
        return parsed
