"""Gold against the reward that is optimised, and the alarm: does over-optimisation show as it is said to, and in time?

Rewards of two classes are learnt from comparisons of texts in which a feature that pays at first and costs later has
little room (`trap_world`); the start's texts are chosen among, or its policy moved, as far as 9 nats. Cures: doubt,
comparing again at the peak, a KL term. The control has no trap. The alarm is the audit's own check, asked in the middle
of the run.
"""

from accord.lab.cell import CellResult
from accord.lab.overoptimisation.cells import cells, work
from accord.lab.overoptimisation.figure import figure
from accord.lab.overoptimisation.points import Point
from accord.lab.overoptimisation.report import conclude
from accord.lab.overoptimisation.table import table
from accord.lab.reproduce import Reproduction

__all__ = ["OVER_OPTIMISATION"]

OVER_OPTIMISATION = Reproduction(
    name="overoptimisation",
    question="Does gold turn while the reward that is optimised rises, what helps, and is the audit's alarm in time?",
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
