"""The cells: a run planted, audited, and measured by its gold."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from accord.artefacts import Finding, Verdict
from accord.audit import CHECKS, AuditSettings, Check, Evidence
from accord.audit.challenges import preflight_ids
from accord.audit.multiplicity import corrected, surely_rejected
from accord.lab.cell import Measurement
from accord.lab.fault_matrix.arms import Arm
from accord.lab.fault_matrix.blind import drawn_faults
from accord.lab.faults import Fault
from accord.lab.faults.combined import Combined
from accord.lab.planted import audit_ledger_of, planting_of
from accord.lab.planted.worlds import World

__all__ = ["HEALTHY_RUNS", "FaultRun", "work"]

SHORT_SIZE = 0.25
HEALTHY_RUNS = 10
"""Healthy runs for each seed: false alarms are rare, so they take many; one where a model is trained for each."""


class FaultRun(Measurement):
    """One planted run and what the audit said of it.

    planting       the seed that the run was drawn from
    planted        the faults in it
    fires          ids of the checks that fire, among all tests of the report where all checks were made
    alone          of those that fire by themselves and not among all tests of the report
    quiet, inconclusive, not_assessable   ids of the others
    p_values       by check, as it has them by itself
    explained_by   of the checks that fire, the firing ones that would make each fire by themselves
    gold           what the fault's cure must make greater
    cpu            seconds of processor time
    """

    planting: int
    planted: tuple[str, ...] = ()
    fires: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()
    not_assessable: tuple[str, ...] = ()
    p_values: dict[str, float]
    explained_by: dict[str, tuple[str, ...]]
    gold: float | None = None
    cpu: float


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[FaultRun]:
    """The runs of a cell: ten healthy ones, or one with a fault; in the short form one of a quarter of the people."""
    what = Arm.of(arm)
    world = what.in_world().of_size(SHORT_SIZE) if short else what.in_world()
    if what.kind == "healthy":
        count = 1 if short or world.transformer else HEALTHY_RUNS
        return [_run((), seed * count + i, world, None) for i in range(count)]
    if what.kind == "blind":
        faults, planting = drawn_faults(seed, what.number)
        return [_run(faults, planting, world, None)]
    fault = what.planted()
    assert fault is not None
    reported = what.kind == "reported"
    checks = None if what.every else _own_checks(fault, whole_challenges=reported)
    gold = what.kind == "cured" or (what.kind == "induced" and what.every)
    return [_run((fault,), seed, world, checks, gold=gold, reported=reported)]


def _run(
    faults: Sequence[Fault],
    seed: int,
    world: World,
    checks: Sequence[Check] | None,
    *,
    gold: bool = False,
    reported: bool = False,
) -> FaultRun:
    """One run in a folder that goes away with it. Without `checks` all are made, and corrected for their number.

    With `reported` those of `checks`, all of their challenges, fire that would in a report of all checks, whatever the
    others find.

    Where its gold is measured, people are asked the same whichever checks are made of it: so that runs with a cure and
    without differ in nothing else.
    """
    began = process_time()
    fault = faults[0] if len(faults) == 1 else Combined(faults)
    with _collected_at_the_end(), TemporaryDirectory(prefix="run-") as folder:
        planting = planting_of(Path(folder) / "run", fault, seed=seed, world=world, checks=checks, asked_alike=gold)
        with planting.run as run:
            asked = audit_ledger_of(run.path)
            evidence = Evidence(run, planting.judges, audit_ledger=asked, since=asked, beside=planting.beside)
            settings, made = AuditSettings(), list(CHECKS) if checks is None else checks
            findings = [check.run(evidence, settings) for check in made]
            value = fault.measure_gold(planting) if gold and fault.cure else None
    of_report: Sequence[Finding] = findings
    if checks is None:
        of_report = corrected(findings, {check.id: check.explained for check in CHECKS}, apart=preflight_ids())
    elif reported:
        of_report = _as_in_a_report(findings, made)
    return FaultRun(
        planting=seed,
        planted=tuple(each.name for each in faults),
        gold=value,
        p_values={each.id: float(f"{each.p_value:.4g}") for each in findings if each.p_value is not None},
        explained_by={each.id: each.explained_by for each in of_report if each.explained_by},
        cpu=round(process_time() - began, 2),
        **_ids_by_verdict(findings, of_report),
    )


def _own_checks(fault: Fault, *, whole_challenges: bool) -> list[Check]:
    """The checks that a fault must set off, or all of their challenges."""
    own = [CHECKS.get(name) for name in fault.sets_off]
    challenges = {check.challenge.id for check in own}
    return [check for check in CHECKS if check.challenge.id in challenges] if whole_challenges else own


def _as_in_a_report(findings: Sequence[Finding], made: Sequence[Check]) -> list[Finding]:
    """The findings of whole challenges as they stand in a report of all checks, whatever the others find.

    What is no primary check is a test among its challenge's, which are all here. Of the primary checks, which are tests
    among those of all challenges, that is said which Bonferroni's bound rejects.
    """
    apart = preflight_ids()
    tests = sum(check.primary and check.challenge.id not in apart for check in CHECKS)
    among = corrected(findings, {}, apart=apart)
    return [
        surely_rejected(single, tests) if check.primary and check.challenge.id not in apart else of_challenge
        for single, of_challenge, check in zip(findings, among, made, strict=True)
    ]


def _ids_by_verdict(findings: Sequence[Finding], of_report: Sequence[Finding]) -> Mapping[str, tuple[str, ...]]:
    """The ids of the checks by what became of them; one that only fires by itself is in `alone`, nowhere else."""
    ids: dict[str, list[str]] = {name: [] for name in ("fires", "alone", "quiet", "inconclusive", "not_assessable")}
    for single, among in zip(findings, of_report, strict=True):
        dropped = single.verdict is Verdict.FIRES and among.verdict is not Verdict.FIRES
        ids["alone" if dropped else among.verdict.value.lower()].append(single.id)
    return {name: tuple(of_verdict) for name, of_verdict in ids.items()}


@contextmanager
def _collected_at_the_end() -> Iterator[None]:
    """A run makes many thousand records that hold no cycles: with garbage collection it takes a third longer.

    What was there before, modules above all, is not looked through meanwhile; at the end it is, once: what stays set
    apart for good is never let go, some 18 MB a run.
    """
    was_on = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        gc.unfreeze()
        gc.collect()
