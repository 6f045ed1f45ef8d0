"""Which start is best? Base, supervised, context-distilled and curated starts through the same reward and budget.

On real ratings of movie reviews: SmolLM2-135M as it is, or tuned on few or on more texts before RLOO trains it. The
texts are reviews that raters preferred (supervised), the best and most varied of all that were compared (curated), or
what the model itself writes with a text in front that says what is wanted (context distillation; Askell et al. 2021,
arXiv 2112.00861). One model of what people prefer rewards all of them alike, and another one, fitted on other people's
prompts, judges what comes of each.
"""

from accord.lab.cell import CellResult
from accord.lab.is_rl_needed.reviews import prepare
from accord.lab.reproduce import Reproduction
from accord.lab.starts.cells import cells, work
from accord.lab.starts.report import conclude, figure, table
from accord.lab.starts.settings import StartResult

__all__ = ["WHICH_START"]

WHICH_START = Reproduction(
    name="starts",
    question="Which start is best: the base model, or one that was tuned on what people wrote, chose or described?",
    cells=cells,
    record=CellResult[StartResult],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
    prepare=prepare,
)
