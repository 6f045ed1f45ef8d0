"""`accord run --seeds`: one recipe with several seeds, and how far its result hangs on them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from accord.cli.printing import progress_display, table_console
from accord.errors import RecipeError, storage

__all__ = ["run_seeds", "seeds_of"]

SEEDS = "seeds.json"


def seeds_of(text: str) -> range:
    """`A:B` as the seeds A to B - 1. Raises `RecipeError` where it is something else, or holds fewer than two."""
    from accord.lab.reproduce import read_seeds

    seeds = read_seeds(text)
    if len(seeds) < 2:
        raise RecipeError(f"--seeds {text}: one seed has no spread; write A:B with two seeds or more, such as 0:5")
    return seeds


def run_seeds(
    recipe: Path, out: Path, seeds: str, changes: Mapping[str, str], drive: Callable[..., None], quiet: bool
) -> None:
    """A run in `out`/seed-N for each seed, one after the other; then the table, `seeds.json` and the audit's word.

    Raises `RecipeError` where `changes` name a seed of their own.
    """
    from accord import recipe as recipes
    from accord.report.seeds import over_seeds, render_seeds

    if "seed" in changes:
        raise RecipeError("--seeds names the seeds; leave --set seed=... out")
    runs = {seed: out / f"seed-{seed}" for seed in seeds_of(seeds)}
    progress = progress_display(quiet=quiet)
    for seed, path in runs.items():
        progress.say(f"seed {seed}")
        drive(recipes.load(recipe, {**changes, "seed": str(seed)}), path, progress, resume=True)
    rows = over_seeds(runs)
    table_console().print(render_seeds(rows))
    with storage(out / SEEDS):
        (out / SEEDS).write_text(json.dumps([row.to_json() for row in rows], indent=2) + "\n", encoding="utf-8")
    for line in _findings(runs):
        print(line)


def _findings(runs: Mapping[int, Path]) -> list[str]:
    """What the audit says of the first run, with the others beside it."""
    from accord.audit import examine
    from accord.loop.drive import recipe_of
    from accord.run import RunDirectory

    first, *others = runs.values()
    with RunDirectory.open(first, write=False) as opened:
        settings = recipe_of(opened, trusted=True).audit
        report = examine(opened, settings=settings, only=("RL1", "X7"), beside=others)
    findings = [finding for finding in report.findings if finding.id in {"RL1 seeds", "X7 undetermined"}]
    return [f"{finding.words:<26} {finding.id:<18} {finding.result}" for finding in findings]
