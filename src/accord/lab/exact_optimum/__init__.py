"""Exact-optimum parity: does each optimiser find the policy that is known to be the best?

Every algorithm trains a table on an enumerated world, for several strengths of the KL penalty and many seeds (each
with a world of its own), and is held against the optimum by enumeration. GRPO is held against its own, where its
gradient vanishes (`EnumWorld.token_optimum`). RRHF and PRO, which have no beta, and best of n, worked out exactly, are
held against the frontier: the most reward that any policy can have at their KL.
"""

from accord.lab.cell import CellResult
from accord.lab.exact_optimum.cells import Point, cells, work
from accord.lab.exact_optimum.report import conclude, figure, table
from accord.lab.reproduce import Reproduction

__all__ = ["EXACT_OPTIMUM"]

EXACT_OPTIMUM = Reproduction(
    name="exact-optimum",
    question="Does each optimiser find the policy that is known to be the best?",
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
