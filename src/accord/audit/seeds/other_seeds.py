"""What runs of other seeds say of themselves: each is opened to read and closed again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accord.artefacts import EVALUATION, SCORES, PolicyEvaluation
from accord.artefacts.finding import Collection
from accord.audit.evidence import Evidence
from accord.errors import MissingEvidence
from accord.run import RunDirectory

__all__ = ["MORE_SEEDS", "SeedRun", "runs_of_seeds"]

MORE_SEEDS = Collection(
    "--beside",
    "runs of the same recipe with other seeds",
    "five runs in all (`accord run RECIPE --seeds 0:5`)",
)


@dataclass(frozen=True)
class SeedRun:
    """A run: its seed, its policy beside its start, and what its reward makes of held-out texts (None: not there)."""

    seed: int
    evaluation: PolicyEvaluation | None
    scores: Mapping[str, float] | None
    prompt_of: Mapping[str, str]

    @classmethod
    def of(cls, run: RunDirectory) -> "SeedRun":
        """Read from an open run."""
        rows = list(SCORES.read(run, "reward")) if SCORES.has(run, "reward") else None
        return cls(
            run.seed,
            EVALUATION.read(run) if EVALUATION.has(run) else None,
            None if rows is None else {row.completion: row.score for row in rows},
            {} if rows is None else {row.completion: row.prompt for row in rows},
        )


def runs_of_seeds(evidence: Evidence) -> list[SeedRun]:
    """This run and those beside it. Raises `MissingEvidence` where there are fewer than three, or a seed comes
    twice.
    """
    paths = [Path(path) for path in evidence.beside if Path(path).resolve() != evidence.run.path.resolve()]
    if len(paths) < 2:
        raise MissingEvidence("two runs or more of the same recipe with other seeds (`--beside RUN`)")
    runs = [SeedRun.of(evidence.run)]
    for path in paths:
        with RunDirectory.open(path, write=False) as other:
            runs.append(SeedRun.of(other))
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise MissingEvidence(f"runs of different seeds (they have {', '.join(map(str, seeds))})")
    return runs
