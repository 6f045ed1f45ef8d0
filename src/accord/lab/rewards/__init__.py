"""Rewards in worlds whose truth is known: does each way of stating what one wants give what it promises?

Five experiments. Kinds of feedback at equal seconds of people's time, each alone and all in one likelihood; strengths,
where a majority mildly prefers what a minority strongly rejects; caution, where optimising a learnt reward ends in a
trap; groups that nobody named; rankings whole and as pairs. What is fitted are the likelihoods of `accord.reward`, on
rewards that are linear in known numbers of a text.
"""

from accord.lab.cell import CellResult
from accord.lab.reproduce import Reproduction
from accord.lab.rewards.cells import cells, work
from accord.lab.rewards.kinds import COSTS
from accord.lab.rewards.points import RewardsPoint
from accord.lab.rewards.report import conclude, figure, table

__all__ = ["REWARDS_OF_FEEDBACK"]

REWARDS_OF_FEEDBACK = Reproduction(
    name="rewards",
    question="Does each way of stating what one wants give what it promises?",
    cells=cells,
    record=CellResult[RewardsPoint],
    work=work,
    reads=(COSTS,),
    conclude=conclude,
    table=table,
    figure=figure,
)
