"""Reliability as weight: does it bring back what careless evaluators cost, and leave a minority alone?

Forty simulated evaluators compare 60 pairs each, five a pair, of texts whose 32 numbers decide what they are worth.
Some answer at random, or want something else. Their answers go through a ledger, `draw_dataset` and `weigh` as those of
any run; a linear Bradley-Terry reward is fitted to the pairs by their weights. Which share of all pairs it orders as
the truth does is known in closed form.
"""

from accord.lab.cell import CellResult
from accord.lab.reproduce import Reproduction
from accord.lab.trust.cells import TrustPoint, cells, work
from accord.lab.trust.report import conclude, figure, table

__all__ = ["TRUST_BY_VOTES"]

TRUST_BY_VOTES = Reproduction(
    name="trust",
    question="Does reliability as weight bring back what careless evaluators cost, and leave a minority alone?",
    cells=cells,
    record=CellResult[TrustPoint],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
