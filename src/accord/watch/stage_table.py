"""The stages of a run as a table: what is done, what goes on and how far it is, what is to come."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from accord.run import Manifest
from accord.watch.live_log import StepRow
from accord.watch.snapshot import Snapshot, split_stage

__all__ = ["StageRow", "planned_stages", "stage_rows"]

State = Literal["done", "going", "waits", "stopped", "to come"]
ROUNDS = "rounds"  # the stage of a run in rounds that holds them
PACE_OF = 20  # last steps that the time left is foretold from
KILLED = (
    "No process works on it, and it left no word: it was killed, or the machine went down. Go on with accord run "
    "--resume."
)


@dataclass(frozen=True)
class StageRow:
    """A stage, below its prefix.

    seconds  of all goes at it, those of the present one among them; None where it has not begun
    goes     how often it was begun
    step     its last whole step; None where it makes none, or none is whole
    total    of how many; None where that is not known, or it is done
    left     seconds to its last step at the pace of the last ones; None where that is not known
    why      why it waits, or stopped
    memory   the most bytes that a go at it held, as far as noted; gpu_memory on GPUs; None where that is not known
    """

    name: str
    state: State
    seconds: float | None = None
    goes: int = 0
    step: int | None = None
    total: int | None = None
    left: float | None = None
    why: str = ""
    memory: int | None = None
    gpu_memory: int | None = None


def stage_rows(snapshot: Snapshot) -> list[StageRow]:
    """The stages below the prefix in their order: those of the manifest, then those that the recipe has besides."""
    manifest = snapshot.manifest
    if manifest is None:
        return []
    everything = (*manifest.stages, *manifest.begun)
    known = [stage for stage in everything if snapshot.own(stage)]
    in_rounds = bool(snapshot.prefix) or (bool(everything) and not known)  # which do not repeat every stage
    planned = [] if in_rounds else list(planned_stages(snapshot.recipe))
    order = {stage: place for place, stage in enumerate(planned)}
    known.sort(key=lambda stage: order.get(stage, -1))
    return [_row(snapshot, manifest, stage) for stage in dict.fromkeys((*known, *planned))]


def planned_stages(recipe: Mapping[str, Any]) -> Iterator[str]:
    """The stages that a recipe asks for, read as the TOML that a run keeps: nothing it names is executed."""
    if not recipe:
        return
    if "loop" in recipe:
        yield ROUNDS
        return
    evaluate, policy = recipe.get("evaluate"), recipe.get("policy")
    yield from ["ask"] if "round" in recipe else []
    yield "data"
    yield from (name for name in ("sft", "reward") if name in recipe)
    yield from (f"rewards/{name}" for name in recipe.get("rewards", {}))
    if "combine" in recipe:
        yield "combine"
    if evaluate is not None and evaluate.get("judged", True):
        yield "eval_reward"
    if policy is not None:
        yield "policy"
        if evaluate is not None:
            yield "evaluate"
            yield from (f"{key}/{name}" for key in ("judges", "metrics") for name in evaluate.get(key, {}))
    yield from ("audit", "report")


def _row(snapshot: Snapshot, manifest: Manifest, stage: str) -> StageRow:
    row, cost = _progress(snapshot, manifest, stage), manifest.stages.get(stage) or manifest.spent.get(stage)
    return row if cost is None else replace(row, memory=cost.memory, gpu_memory=cost.gpu_memory)


def _progress(snapshot: Snapshot, manifest: Manifest, stage: str) -> StageRow:
    name, trained = split_stage(stage)[1], _trained(snapshot, manifest, stage)
    steps = snapshot.metrics.get(trained, ())
    step = int(steps[-1]["step"]) if steps else None
    if (entry := manifest.stages.get(stage)) is not None:
        return StageRow(name, "done", entry.seconds, entry.goes, step, step)
    spent = manifest.spent.get(stage)
    if stage not in manifest.begun or spent is None:
        return StageRow(name, "to come")
    total, seconds = manifest.steps.get(trained), spent.seconds
    if name == ROUNDS:
        step, total = len(snapshot.summary.rounds) if snapshot.summary else 0, _rounds_wanted(snapshot)
        if snapshot.holder is None and _all_rounds_made(snapshot):
            return StageRow(name, "done", seconds, spent.goes, step, step)
    if snapshot.holder is not None and not {stage} & (manifest.waiting.keys() | manifest.stopped.keys()):
        seconds += max(0.0, snapshot.moment - snapshot.noted)
        return StageRow(name, "going", seconds, spent.goes, step, total, _left(steps, total))
    if why := manifest.waiting.get(stage, ""):
        return StageRow(name, "waits", seconds, spent.goes, step, total, why=why)
    return StageRow(name, "stopped", seconds, spent.goes, step, total, why=manifest.stopped.get(stage, KILLED))


def _rounds_wanted(snapshot: Snapshot) -> int | None:
    loop = snapshot.recipe.get("loop")
    number = loop.get("rounds") if isinstance(loop, Mapping) else None
    return number if isinstance(number, int) else None


def _all_rounds_made(snapshot: Snapshot) -> bool:
    """Whether a run in rounds has come to its end: it never finishes, since more rounds may be asked for later."""
    summary, number = snapshot.summary, _rounds_wanted(snapshot)
    return summary is not None and (summary.ended is not None or (number is not None and len(summary.rounds) >= number))


def _trained(snapshot: Snapshot, manifest: Manifest, stage: str) -> str:
    """What of a stage learns: itself, or the last of its parts (`policy-helpful`) that has begun."""
    parts = [part for part in (*snapshot.metrics, *manifest.steps) if part.startswith(f"{stage}-")]
    return stage if stage in snapshot.metrics or not parts else parts[-1]


def _left(steps: Sequence[StepRow], total: int | None) -> float | None:
    """The seconds that are left, by the median of the last steps: one that took long says little of the next."""
    took = [row["seconds"] for row in steps[-PACE_OF:] if "seconds" in row]
    if total is None or not took:
        return None
    return max(0, total - int(steps[-1]["step"])) * median(took)
