"""What the runs of the fault matrix add up to: shares of seeds in which checks fire, gains in gold, blind answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from accord.audit import CHALLENGES, CHECKS
from accord.lab.cell import CellResult
from accord.lab.fault_matrix.arms import Arm
from accord.lab.fault_matrix.blind import Answer, answer_of
from accord.lab.fault_matrix.cells import FaultRun
from accord.lab.faults import FAULTS
from accord.stats import Estimate, mean, proportion

__all__ = ["Matrix", "OtherAlarms"]

MANY = 0.1
"""A challenge that fires on more of the seeds of another fault than this is named in the table."""


@dataclass(frozen=True)
class OtherAlarms:
    """How often a challenge fires that is not a fault's own: share of seeds, in how many of them unexplained, and why.

    reasons  of the fault's `touches`, and `explained by` other checks
    """

    share: Estimate
    unexplained: float
    reasons: tuple[str, ...]


class Matrix:
    """The runs by arm."""

    def __init__(self, results: Sequence[CellResult[FaultRun]]) -> None:
        self._runs: dict[Arm, dict[int, list[FaultRun]]] = {}
        for cell in results:
            self._runs.setdefault(Arm.of(cell.arm), {})[cell.seed] = list(cell.measurements)

    def arms(self, kind: str) -> list[Arm]:
        """The arms of a kind, in their order."""
        return [arm for arm in self._runs if arm.kind == kind]

    def runs(self, arm: Arm) -> list[FaultRun]:
        """All runs of an arm."""
        return [run for of_seed in self._runs.get(arm, {}).values() for run in of_seed]

    # -- what is planted is found ------------------------------------------------------------------------------

    @cached_property
    def induced(self) -> dict[str, Arm]:
        """By fault, the arm in which all checks were made."""
        return {arm.fault: arm for arm in self.arms("induced") if arm.every}

    def fired(self, arm: Arm, check: str) -> Estimate:
        """The share of the runs of an arm in which a check fires."""
        runs = self.runs(arm)
        return proportion(sum(check in run.fires for run in runs), len(runs))

    def planted(self, arm: Arm) -> list[FaultRun]:
        """The runs of an arm that induces a fault, and those where its own checks alone were made as of a report."""
        alike = replace(arm, kind="reported", every=False) if arm.every else None
        return [*self.runs(arm), *(self.runs(alike) if alike else ())]

    def powers(self) -> Iterator[tuple[Arm, str, Estimate]]:
        """How often each check fires that a fault must set off: of each arm that induces one."""
        for arm in self.arms("induced"):
            runs = self.planted(arm)
            for check in FAULTS.get(arm.fault).sets_off:
                yield arm, check, proportion(sum(check in run.fires for run in runs), len(runs))

    # -- what is healthy is left alone -------------------------------------------------------------------------

    def false_alarms(self, arm: Arm) -> dict[str, Estimate]:
        """By check that could be assessed in some healthy run, the share of all in which it fires by itself."""
        runs = self.runs(arm)
        checks = [c.id for c in CHECKS if any(c.id not in run.not_assessable for run in runs)]
        fires = {name: sum(name in (*run.fires, *run.alone) for run in runs) for name in checks}
        return {name: proportion(count, len(runs)) for name, count in fires.items()}

    def reports_with_alarms(self, arm: Arm) -> Estimate:
        """The share of healthy reports in which any check fires."""
        runs = self.runs(arm)
        return proportion(sum(bool(run.fires) for run in runs), len(runs))

    def never_assessed(self) -> list[str]:
        """Checks that no run of any arm could be assessed by, where all checks were made."""
        every = [run for arm in self._runs if arm.every for run in self.runs(arm)]
        return [c.id for c in CHECKS if every and all(c.id in run.not_assessable for run in every)]

    # -- what the cure is worth --------------------------------------------------------------------------------

    def gains(self) -> Iterator[tuple[Arm, Estimate]]:
        """Gold with the cure less gold without, the mean over seeds that have both."""
        for arm in self.arms("cured"):
            without, cured = self._gold(self.induced.get(arm.fault)), self._gold(arm)
            seeds = sorted(without.keys() & cured.keys())
            if seeds:
                yield arm, mean([cured[seed] - without[seed] for seed in seeds])

    def gold(self, arm: Arm) -> Estimate:
        """The mean gold of an arm."""
        return mean(list(self._gold(arm).values()))

    def _gold(self, arm: Arm | None) -> dict[int, float]:
        by_seed = {} if arm is None else self._runs.get(arm, {})
        return {seed: run.gold for seed, runs in by_seed.items() for run in runs if run.gold is not None}

    # -- what else fires ---------------------------------------------------------------------------------------

    def share_of_challenge(self, arm: Arm, challenge: str) -> float:
        """The share of runs in which any check of a challenge fires."""
        runs = self.runs(arm)
        return sum(any(CHALLENGE_OF[check] == challenge for check in run.fires) for run in runs) / len(runs)

    def other_alarms(self, fault: str) -> dict[str, OtherAlarms]:
        """The challenges beside its own that fire with a fault, by id."""
        runs, touches = self.runs(self.induced[fault]), FAULTS.get(fault).touches
        own = {CHALLENGE_OF[check] for check in FAULTS.get(fault).sets_off}
        found: dict[str, OtherAlarms] = {}
        for challenge in CHALLENGES.names:
            of_runs = [[check for check in run.fires if CHALLENGE_OF[check] == challenge] for run in runs]
            if challenge in own or not any(of_runs):
                continue
            bare = [
                any(check not in touches and check not in run.explained_by for check in checks)
                for checks, run in zip(of_runs, runs, strict=True)
            ]
            share = proportion(sum(map(bool, of_runs)), len(runs))
            found[challenge] = OtherAlarms(share, sum(bare) / len(runs), _reasons(of_runs, runs, touches))
        return found

    # -- blind -------------------------------------------------------------------------------------------------

    def answers(self) -> list[tuple[FaultRun, Answer]]:
        """Every blind run with what the audit named."""
        runs = [run for arm in self.arms("blind") for run in self.runs(arm)]
        return [(run, answer_of(run.planted, run.fires, run.explained_by, CHALLENGE_OF)) for run in runs]

    def blind(self) -> dict[str, Estimate]:
        """Precision over the challenges that were named, strict and with those that `touches` excuses; recall."""
        answers = [answer for _, answer in self.answers()]
        named, targets = (sum(len(getattr(answer, name)) for answer in answers) for name in ("named", "targets"))
        wrong, excused, missed = (
            sum(len(getattr(answer, name)) for answer in answers) for name in ("wrong", "excused", "missed")
        )
        found = {}
        if named:
            found["blind:precision"] = proportion(named - wrong, named)
            found["blind:precision with what is excused"] = proportion(named - wrong + excused, named)
        if targets:
            found["blind:recall"] = proportion(targets - missed, targets)
        return found


def _reasons(of_runs: Sequence[Sequence[str]], runs: Sequence[FaultRun], touches: Mapping[str, str]) -> tuple[str, ...]:
    """Why the checks of a challenge fire, each reason once."""
    found: dict[str, None] = {}
    for checks, run in zip(of_runs, runs, strict=True):
        for check in checks:
            if check in touches:
                found[f"{check}: {touches[check]}"] = None
            elif check in run.explained_by:
                found[f"{check}: explained by {', '.join(run.explained_by[check])}"] = None
            else:
                found[f"{check}: unexplained"] = None
    return tuple(found)


class _ChallengeOf(dict[str, str]):
    """The challenge of a check; also of one that is registered no more."""

    def __missing__(self, check: str) -> str:
        return CHECKS.get(check).challenge.id if check in CHECKS else check.rpartition(" ")[0]


CHALLENGE_OF = _ChallengeOf()
"""The challenge of each check, by its id."""
