"""I don't know: what teaches a model to guess, and what teaches it to refuse?

Bridges of which much, little or nothing was written: supervised learning of all answers, of known ones, with refusals,
and from another model, against RL with 1 for right, 0 for "I don't know." and a penalty for wrong. Then the reward is a
comparison with a reference, by comparators that see less or more. A small network that can be asked exactly, on many
seeds; a transformer and the stages of a run, on few.
"""

from accord.lab.cell import CellResult
from accord.lab.not_knowing.cells import cells, deal, work
from accord.lab.not_knowing.figure import figure
from accord.lab.not_knowing.points import Point
from accord.lab.not_knowing.report import conclude
from accord.lab.not_knowing.table import table
from accord.lab.reproduce import Reproduction

__all__ = ["I_DONT_KNOW"]

I_DONT_KNOW = Reproduction(
    name="i-dont-know",
    question='Does SFT teach guessing, does negative feedback teach "I don\'t know", and can comparison be gamed?',
    cells=cells,
    record=CellResult[Point],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
    deal=deal,
)
