"""Who may judge? People, a model, a program, and people with the model's remarks, for as much money.

Each knows a world in its own way: people are right but noisy and dear, and guess at what is hard; the model is cheap,
hardly noisy, and wrong about one thing; the program is exact on what it can verify and blind to the rest; whoever reads
remarks goes by the model where they cannot tell. Rewards are learnt from the answers that a sum of money buys, a policy
is the exact optimum of each, and gold says what it is worth: does the policy pass its judge, and from which error of
the model on are people worth their price? In the control the model is not wrong and a program verifies everything.
"""

from accord.lab.cell import CellResult
from accord.lab.reproduce import Reproduction
from accord.lab.who_may_judge.cells import cells, work
from accord.lab.who_may_judge.figure import figure
from accord.lab.who_may_judge.points import Point
from accord.lab.who_may_judge.report import conclude
from accord.lab.who_may_judge.table import table

__all__ = ["WHO_MAY_JUDGE"]

WHO_MAY_JUDGE = Reproduction(
    name="who-may-judge",
    question="Does a policy pass its judge, and when are people worth their price beside a model?",
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
