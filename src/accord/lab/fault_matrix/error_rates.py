"""What the runs of the fault matrix say of each check, in the form in which the audit keeps it."""

from collections.abc import Sequence

from accord.audit import CHECKS
from accord.audit.error_rates import Count, ErrorRates, MeasuredRates
from accord.lab.cell import CellResult
from accord.lab.fault_matrix.arms import Arm
from accord.lab.fault_matrix.cells import FaultRun
from accord.lab.fault_matrix.rates import Matrix
from accord.lab.faults import FAULTS

__all__ = ["measured_rates"]


def measured_rates(results: Sequence[CellResult[FaultRun]]) -> MeasuredRates:
    """The error rates of every check that is registered and that some run could be assessed by."""
    matrix = Matrix(results)
    seeds = sorted({cell.seed for cell in results})
    rates = {check.id: _of_check(matrix, check.id) for check in CHECKS}
    return MeasuredRates(
        seeds=f"{seeds[0]}:{seeds[-1] + 1}" if seeds else "",
        checks={name: found for name, found in rates.items() if found.healthy or found.planted},
    )


def _of_check(matrix: Matrix, check: str) -> ErrorRates:
    healthy = {}
    for arm in matrix.arms("healthy"):
        runs = [run for run in matrix.runs(arm) if check not in run.not_assessable]
        if runs:
            healthy[arm.world] = Count(fires=sum(check in (*run.fires, *run.alone) for run in runs), runs=len(runs))
    planted: dict[str, dict[str, Count]] = {}
    for arm in matrix.arms("induced"):
        if check in FAULTS.get(arm.fault).sets_off:
            planted.setdefault(arm.fault, {})[arm.world] = _fired(matrix, arm, check)
    return ErrorRates(healthy=healthy, planted=planted)


def _fired(matrix: Matrix, arm: Arm, check: str) -> Count:
    runs = matrix.planted(arm)
    return Count(fires=sum(check in run.fires for run in runs), runs=len(runs))
