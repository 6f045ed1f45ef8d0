"""One reward, many people: whom does one reward serve, and what serves those whom it does not?

Sixty simulated people compare texts; some want the opposite of what is worth most to the others. One reward for all is
held against rewards of known groups and of groups that EM finds, one policy for all against MaxMin's, soups of two
groups' policies against training again, and choosing by disagreement what several should judge against choosing at
random. Nobody differs in one control; in another some are only noisier.
"""

from accord.lab.cell import CellResult
from accord.lab.many_people.cells import cells, work
from accord.lab.many_people.figure import figure
from accord.lab.many_people.points import Point
from accord.lab.many_people.report import conclude
from accord.lab.many_people.table import table
from accord.lab.reproduce import Reproduction

__all__ = ["ONE_REWARD_MANY_PEOPLE"]

ONE_REWARD_MANY_PEOPLE = Reproduction(
    name="one-reward-many-people",
    question="Whom does one reward serve, and what serves those whom it does not?",
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
