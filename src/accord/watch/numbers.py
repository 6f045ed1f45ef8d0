"""A view as JSON: the numbers that the page shows, for a program."""

from typing import Any

from accord.report.words import clean
from accord.stats import Estimate
from accord.watch.view import RoundRow, RunView

__all__ = ["to_json"]


def to_json(view: RunView) -> dict[str, Any]:
    """What can be read of a run, without its texts: state, stages, the newest step of each stage, rounds, findings."""
    snapshot = view.snapshot
    manifest = snapshot.manifest
    return {
        "run": str(snapshot.path),
        "name": view.name,
        "round": view.place.name or None,
        "state": view.state.kind,
        "stage": view.state.stage or None,
        "words": view.state.words,
        "created": None if view.created is None else view.created.isoformat(),
        "seconds": round(view.seconds, 2),
        "stages": [
            {
                "name": row.name,
                "state": row.state,
                "seconds": None if row.seconds is None else round(row.seconds, 2),
                "goes": row.goes,
                "step": row.step,
                "total": row.total,
                "seconds_left": None if row.left is None else round(row.left, 1),
                "why": row.why or None,
                "peak_memory_bytes": row.memory,
                "peak_gpu_memory_bytes": row.gpu_memory,
            }
            for row in view.stages
        ],
        "last_steps": {
            training.stage: {series.key: series.last.y for series in training.series} | {"step": training.step}
            for training in view.training
        },
        "measures": {measure.name: measure.estimate.to_json() for measure in view.measures},
        "labels": [vars(count) for count in view.labels],
        "findings": [
            {"id": finding.id, "verdict": finding.verdict.value, "result": finding.result} for finding in view.findings
        ],
        "rounds": [_round(row) for row in view.rounds],
        "machine": {} if manifest is None else dict(manifest.machine),
        "processes": {} if manifest is None else dict(manifest.processes),
        "versions": {} if manifest is None else dict(manifest.versions),
        "problems": [clean(problem) for problem in snapshot.problems],
    }


def _round(row: RoundRow) -> dict[str, Any]:
    return {
        "round": row.place.name or None,
        "state": row.state.kind,
        "step": row.step,
        "total": row.total,
        "seconds": round(row.seconds, 2),
        "reward": row.reward,
        "kl": row.kl,
        "win_rate": _estimate(row.win_rate),
        "gain": _estimate(row.gain),
        "labels": row.labels,
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.to_json()
