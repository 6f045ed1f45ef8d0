"""What is concluded of the fault matrix: the numbers of its marks, and tables in Markdown."""

from collections.abc import Iterator, Mapping, Sequence

from accord.audit import CHECKS
from accord.lab.cell import CellResult
from accord.lab.fault_matrix.arms import Arm
from accord.lab.fault_matrix.cells import FaultRun
from accord.lab.fault_matrix.rates import MANY, Matrix
from accord.lab.faults import FAULTS
from accord.lab.planted.worlds import WORLDS
from accord.stats import Estimate

__all__ = ["conclude", "table"]

Results = Sequence[CellResult[FaultRun]]


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about.

    power:FAULT:CHECK       share of seeds in which a fault sets off its check, in the first world
    elsewhere:WORLD:FAULT:CHECK   the same in another
    healthy:WORLD:CHECK     share of healthy runs in which a check fires by itself; `trained:` where a model is trained,
                            of which there are too few runs for a mark
    report:WORLD            share of healthy reports in which any check fires
    gain:FAULT              what the cure adds to its gold
    blind:precision, blind:recall
    """
    matrix = Matrix(results)
    found: dict[str, Estimate] = {}
    for arm, check, share in matrix.powers():
        found[f"power:{arm.fault}:{check}" if arm.every else f"elsewhere:{arm.world}:{arm.fault}:{check}"] = share
    for arm in matrix.arms("healthy"):
        kind = "trained" if WORLDS.get(arm.world).transformer else "healthy"
        found |= {f"{kind}:{arm.world}:{check}": share for check, share in matrix.false_alarms(arm).items()}
        found[f"report:{arm.world}"] = matrix.reports_with_alarms(arm)
    found |= {f"gain:{arm.fault}": gain for arm, gain in matrix.gains()}
    return found | matrix.blind()


def table(results: Results) -> str:
    """Markdown: faults, checks, what else fires, power, blind runs; each where there is something to say."""
    matrix = Matrix(results)
    parts = (_faults(matrix), _checks(matrix), _others(matrix), _power(matrix), _blind(matrix))
    return "\n\n".join(part for part in map("\n".join, parts) if part)


def _faults(matrix: Matrix) -> Iterator[str]:
    if not matrix.induced:
        return
    others = {arm.world: None for arm in matrix.arms("induced") if not arm.every}
    (first,) = {arm.world for arm in matrix.induced.values()}
    gains = {arm.fault: gain for arm, gain in matrix.gains()}
    yield _row(
        "fault", "must set off", f"fires, {first}", *(f"fires, {world}" for world in others), "cure: gain in gold"
    )
    yield "|---" * (4 + len(others)) + "|"
    shares = {(arm.fault, arm.world, check): share for arm, check, share in matrix.powers()}
    for fault in matrix.induced:
        gain = _text(gains[fault]) if fault in gains else ""
        for place, check in enumerate(FAULTS.get(fault).sets_off or ("nothing: a control",)):
            cells = [_share(shares.get((fault, world, check))) for world in (first, *others)]
            yield _row(fault if not place else "", check, *cells, gain if not place else "")


def _checks(matrix: Matrix) -> Iterator[str]:
    arms = matrix.arms("healthy")
    if not arms:
        return
    alarms = {arm: matrix.false_alarms(arm) for arm in arms}
    set_off = {check for fault in FAULTS for check in fault.sets_off}
    yield _row("check", *(f"false alarms, {arm.world}" for arm in arms), "set off by a fault")
    yield "|---" * (2 + len(arms)) + "|"
    for check in CHECKS:
        cells = [_share(alarms[arm].get(check.id)) or "never assessed" for arm in arms]
        yield _row(check.id, *cells, "yes" if check.id in set_off else "no")
    yield _row("any, in a whole report", *(_share(matrix.reports_with_alarms(arm)) for arm in arms), "")


def _others(matrix: Matrix) -> Iterator[str]:
    rows = [
        _row(fault, challenge, _share(others.share), f"{others.unexplained:.2f}", "; ".join(others.reasons))
        for fault in matrix.induced
        for challenge, others in matrix.other_alarms(fault).items()
        if others.share.value > MANY
    ]
    if rows:
        yield _row("fault", "fires as well", "share of seeds", "unexplained", "why")
        yield "|---" * 5 + "|"
        yield from rows


def _power(matrix: Matrix) -> Iterator[str]:
    arms = matrix.arms("power")
    if not arms:
        return
    sizes = sorted({arm.size for arm in arms})
    yield _row("fault", "check", "strength", *(f"fires, size {size:g}" for size in sizes))
    yield "|---" * (3 + len(sizes)) + "|"
    by_place = {(arm.fault, arm.strength, arm.size): arm for arm in arms}
    for fault, strength in dict.fromkeys((arm.fault, arm.strength) for arm in arms):
        for check in FAULTS.get(fault).sets_off:
            cells = [_of_check(matrix, by_place.get((fault, strength, size)), check) for size in sizes]
            yield _row(fault, check, f"{strength:g}", *cells)


def _blind(matrix: Matrix) -> Iterator[str]:
    answers = matrix.answers()
    if not answers:
        return
    yield _row("blind run", "planted", "must be named", "named", "wrong", "missed")
    yield "|---" * 6 + "|"
    for number, (run, answer) in enumerate(answers):
        columns = (answer.targets, answer.named, answer.wrong, answer.missed)
        yield _row(str(number), " + ".join(run.planted) or "nothing", *(", ".join(sorted(names)) for names in columns))
    for name, share in matrix.blind().items():
        yield _row(name.partition(":")[2], _share(share), *[""] * 4)


def _of_check(matrix: Matrix, arm: Arm | None, check: str) -> str:
    return "" if arm is None else _share(matrix.fired(arm, check))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _share(share: Estimate | None) -> str:
    """`19 of 20 [.75, 1.00]`."""
    if share is None:
        return ""
    return f"{round(share.value * share.n)} of {share.n} [{share.low:.2f}, {share.high:.2f}]"


def _text(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3f}"
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
