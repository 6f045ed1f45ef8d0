"""What runs of other seeds say of themselves: each is opened to read and closed again."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.artefacts import EVALUATION, RECIPE, SCORES, PolicyEvaluation
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


OF_A_RUN = frozenset({"seed", "data.ledger", "data.source"})
"""Keys of a recipe in which runs of other seeds may differ: its seed, and paths, which are meant from where it lies."""


@dataclass(frozen=True)
class SeedRun:
    """A run: its seed, its policy beside its start, and what its reward makes of held-out texts (None: not there).

    `settings` are those of its recipe by key, but for its seed and where its files lie; none where it has no recipe.
    """

    seed: int
    settings: Mapping[str, str]
    evaluation: PolicyEvaluation | None
    scores: Mapping[str, float] | None
    prompt_of: Mapping[str, str]

    @classmethod
    def of(cls, run: RunDirectory) -> "SeedRun":
        """Read from an open run."""
        rows = list(SCORES.read(run, "reward")) if SCORES.has(run, "reward") else None
        return cls(
            run.seed,
            _settings(run),
            EVALUATION.read(run) if EVALUATION.has(run) else None,
            None if rows is None else {row.completion: row.score for row in rows},
            {} if rows is None else {row.completion: row.prompt for row in rows},
        )


def _settings(run: RunDirectory) -> dict[str, str]:
    if not RECIPE.has(run):
        return {}
    flat: dict[str, str] = {}
    pending: list[tuple[str, Any]] = [("", tomllib.loads(RECIPE.read(run)))]
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{name}.{key}".lstrip("."), inner) for key, inner in value.items()]
        elif name not in OF_A_RUN:
            flat[name] = repr(value)
    return flat


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    """The keys whose values differ, where both have a recipe."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)} if one and other else set()


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
    differing = sorted({key for run in runs[1:] for key in _differing(runs[0].settings, run.settings)})
    if differing:
        raise MissingEvidence(f"runs of the same recipe (they differ in {', '.join(differing[:5])})")
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        raise MissingEvidence(f"runs of different seeds (they have {', '.join(map(str, seeds))})")
    return runs
