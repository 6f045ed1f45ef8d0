"""When to ask again: a reward is right where people compared, a policy leaves that place, and labels run out.

A policy is moved step by step along a linear reward that was learnt from comparisons of its own texts. Gold is curved,
so that the reward is right near where texts were compared and wrong beyond (in the control gold is linear, and a reward
that was right stays right). What is asked: how often to compare again within a budget of labels; whether the rule that
`[loop]` has (`accord.stats.sequential`) finds the time by itself; whether a stop by comparisons with earlier texts
comes in time; and whether a feature that the first reward over-estimated grows while all labels are about the policy's
own texts, and no more where the start writes a share of them.
"""

from accord.lab.cell import CellResult
from accord.lab.recollection.cells import cells, work
from accord.lab.recollection.figure import figure
from accord.lab.recollection.points import Point
from accord.lab.recollection.report import conclude
from accord.lab.recollection.table import table
from accord.lab.reproduce import Reproduction

__all__ = ["RECOLLECTION"]

RECOLLECTION = Reproduction(
    name="recollection",
    question="When should people be asked again, and when should training stop, and does a rule find out by itself?",
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
