"""The audit put to the test as a whole: every fault planted, every check asked, on seeds of the reader's choice.

A fault is induced, induced with its cure, and induced at every strength in runs of other sizes; healthy runs are made
by the same code from the same random numbers; blind ones hold what a seed drew. What comes out is how often each check
fires where it must, where it need not, and where nothing is wrong, and what each cure is worth.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from accord.errors import RecipeError
from accord.lab.cell import CellResult
from accord.lab.fault_matrix.arms import Selection, deal
from accord.lab.fault_matrix.cells import FaultRun, work
from accord.lab.fault_matrix.figure import figure
from accord.lab.fault_matrix.tables import conclude, table
from accord.lab.faults import FAULTS
from accord.lab.planted.worlds import WORLDS
from accord.lab.reproduce import Reproduction

__all__ = ["FAULT_MATRIX", "Selection", "narrowed"]

FAULT_MATRIX = Reproduction(
    name="faults",
    question="Does every check of the audit fire where its fault is planted, and on healthy runs stay quiet?",
    cells=lambda short: Selection().cells(short),
    record=CellResult[FaultRun],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
    deal=deal,
)


def narrowed(
    reproduction: Reproduction[Any], selection: Selection, extensions: tuple[Path, ...] = ()
) -> Reproduction[Any]:
    """The fault matrix of some faults and worlds, with those that extensions register.

    Raises `RecipeError` where another reproduction is asked for a choice that it does not have, `AccordError` for a
    name that is not registered.
    """
    if selection == Selection() and not extensions:
        return reproduction
    if reproduction.name != FAULT_MATRIX.name:
        raise RecipeError(
            f"--fault, --strength, --world, --power, --blind and --extension choose among faults: accord lab run "
            f"{FAULT_MATRIX.name}, not {reproduction.name}"
        )
    for name in selection.faults:
        FAULTS.get(name)
    for name in selection.worlds:
        WORLDS.get(name)
    if selection.strength is not None and not selection.faults:
        raise RecipeError("--strength is that of a fault: name it with --fault")
    return replace(reproduction, cells=selection.cells, extensions=extensions)
