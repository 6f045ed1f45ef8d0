"""All that is shown of a run at a moment, as one value: for a page, a terminal, or a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from accord.artefacts import CurvePoint, Finding, Verdict
from accord.report.challenges import ChallengeRow, challenge_rows
from accord.report.words import tally
from accord.stats import Estimate
from accord.watch.live_log import StepRow
from accord.watch.rounds import ROUNDS, Place, Watched
from accord.watch.series import Over, Series, series_of
from accord.watch.snapshot import LabelCount, Snapshot, split_stage
from accord.watch.stage_table import StageRow, stage_rows
from accord.watch.state import RunState, state_of

__all__ = ["Measure", "RoundRow", "RunView", "Training", "view_of"]


@dataclass(frozen=True)
class Measure:
    """A number that was measured, with its interval."""

    name: str
    estimate: Estimate


@dataclass(frozen=True)
class Training:
    """A stage that trains: its steps, and what of them is drawn over `over`; `judged` is what a judge said of them."""

    stage: str
    rows: Sequence[StepRow]
    over: Over = "step"
    judged: Sequence[CurvePoint] = ()

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """All numbers that it logged."""
        return tuple(series_of(self.rows, self.over, self.judged))

    @property
    def step(self) -> int:
        """Its last whole one."""
        return int(self.rows[-1]["step"])

    def newest(self, key: str) -> float | None:
        """The last number of a column that was logged."""
        return next((row[key] for row in reversed(self.rows) if key in row), None)

    @property
    def main(self) -> tuple[Series, ...]:
        """What is looked at first; all of it where nothing is."""
        return tuple(each for each in self.series if each.main) or self.series

    @property
    def further(self) -> tuple[Series, ...]:
        """The rest."""
        return tuple(each for each in self.series if each not in self.main)


@dataclass(frozen=True)
class RoundRow:
    """A round beside the others: its newest numbers. None where there is none yet.

    win_rate   over what its policy is compared with
    gain       of its policy over that of the round before, by this round's judge
    labels     answers that it asked for
    """

    place: Place
    state: RunState
    step: int | None
    total: int | None
    seconds: float
    reward: float | None
    kl: float | None
    win_rate: Estimate | None
    gain: Estimate | None
    labels: int | None


@dataclass(frozen=True)
class RunView:
    """A run, or one of its rounds, as it is shown."""

    name: str
    place: Place
    snapshot: Snapshot
    state: RunState
    stages: tuple[StageRow, ...]
    training: tuple[Training, ...]
    measures: tuple[Measure, ...]
    rounds: tuple[RoundRow, ...]

    @property
    def seconds(self) -> float:
        """Of all stages and goes together."""
        return sum(row.seconds or 0.0 for row in self.stages)

    @property
    def going(self) -> StageRow | None:
        """The stage that goes on, waits or stopped."""
        return next((row for row in self.stages if row.name == self.state.stage and row.state != "to come"), None)

    @property
    def created(self) -> datetime | None:
        """When the run was made."""
        manifest = self.snapshot.manifest
        try:
            return None if manifest is None else datetime.fromisoformat(manifest.created)
        except ValueError:
            return None

    @property
    def findings(self) -> Sequence[Finding]:
        """Of the audit."""
        return self.snapshot.findings

    @property
    def verdicts(self) -> str:
        """The audit in a sentence; empty where there was none yet."""
        return tally(self.findings) if self.findings else ""

    @property
    def challenges(self) -> list[ChallengeRow]:
        """The audit by challenge, those that fire first."""
        rows = challenge_rows(self.findings)
        return sorted(rows, key=lambda row: row.kind != Verdict.FIRES.value.lower())

    @property
    def memory(self) -> list[tuple[str, str]]:
        """The most of each number of memory that a stage logged; none where none is logged."""
        most: dict[str, float] = {}
        for series in (series for training in self.training for series in training.series):
            if "memory" in series.key:
                peak = max(point.y for point in series.points)
                most[series.title] = max(peak, most.get(series.title, peak))
        return [(name, f"{value:,.2f}") for name, value in most.items()]

    @property
    def labels(self) -> Sequence[LabelCount]:
        """What people were asked for."""
        return self.snapshot.labels


def view_of(watched: Watched, round_name: str | None = None, over: Over = "step", *, whole: bool = True) -> RunView:
    """What is shown of a folder now: of its newest round, or of the one of a name ("" for the run itself).

    Not `whole`, as in a list of runs: the newest steps and no samples, which takes no longer for a long run. Raises
    `ArtefactError` for a round that is not there.
    """
    place = watched.place(round_name)
    snapshot = watched.look(place, whole=whole)
    stages = tuple(stage_rows(snapshot))
    places = watched.places()
    gains = _gains(watched) if len(places) > 1 else {}
    return RunView(
        name=_name(watched, snapshot),
        place=place,
        snapshot=snapshot,
        state=state_of(snapshot, stages),
        stages=stages,
        training=tuple(_training(snapshot, over)),
        measures=tuple(_measures(snapshot)),
        rounds=tuple(
            _round(watched, each, gains.get(each.name), snapshot if each == place else None) for each in places
        )
        if len(places) > 1
        else (),
    )


def _name(watched: Watched, snapshot: Snapshot) -> str:
    if snapshot.manifest is not None and snapshot.path == watched.folder:
        return snapshot.manifest.name
    return watched.folder.resolve().name


def _training(snapshot: Snapshot, over: Over) -> list[Training]:
    """The stages that train, the newest first; over steps where a stage logged no KL to be over."""
    found = []
    for stage, rows in snapshot.metrics.items():
        axis: Over = over if over != "kl" or any("kl" in row for row in rows) else "step"
        name = split_stage(stage)[1]
        found.append(Training(name, rows, axis, snapshot.curve if name == "policy" else ()))
    return found[::-1]


def _measures(snapshot: Snapshot) -> list[Measure]:
    """What was measured on held-out texts so far."""
    found: list[tuple[str, Estimate | None]] = [
        (f"held-out accuracy of {split_stage(stage)[1]}", card.accuracy) for stage, card in snapshot.cards.items()
    ]
    if (evaluation := snapshot.evaluation) is not None:
        found += [
            ("win rate over the start, independent judge", evaluation.win_rate),
            ("win rate over the start, its own reward", evaluation.win_rate_reward),
            ("KL to the start, nats a text", evaluation.kl),
            ("reward of the start", evaluation.start.reward),
            ("reward of the policy", evaluation.policy.reward),
            ("independent judge on the start", evaluation.start.eval_reward),
            ("independent judge on the policy", evaluation.policy.eval_reward),
            ("length of the policy's texts, tokens", evaluation.policy.length),
        ]
    return [Measure(name, estimate) for name, estimate in found if estimate is not None]


def _gains(watched: Watched) -> dict[str, Estimate | None]:
    """What each round of a run in rounds gained over the one before, by the name of its place."""
    whole = next((place for place in watched.places() if not place.name), None)
    summary = None if whole is None else watched.look(whole, whole=False).summary
    return {} if summary is None else {f"{ROUNDS}/{row.number:02d}": row.gain for row in summary.rounds}


def _round(watched: Watched, place: Place, gain: Estimate | None, looked: Snapshot | None) -> RoundRow:
    snapshot = watched.look(place, whole=False) if looked is None else looked
    stages = stage_rows(snapshot)
    training = Training("policy", snapshot.metrics.get(snapshot.full("policy"), ()))
    evaluation, policy = snapshot.evaluation, next((row for row in stages if row.name == "policy"), None)
    return RoundRow(
        place,
        state_of(snapshot, stages),
        None if policy is None else policy.step,
        None if policy is None else policy.total,
        sum(row.seconds or 0.0 for row in stages),
        training.newest("reward"),
        training.newest("kl"),
        None if evaluation is None else evaluation.win_rate or evaluation.win_rate_reward,
        gain,
        _labels(snapshot),
    )


def _labels(snapshot: Snapshot) -> int | None:
    """Answers that a round asked for; None where none were."""
    if snapshot.asking is not None:
        return snapshot.asking.labels
    return sum(each.requested for each in snapshot.labels) if snapshot.labels else None
