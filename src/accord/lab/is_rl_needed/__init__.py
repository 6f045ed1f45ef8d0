"""Is RL needed? All methods on the same prompts, reward and budget of texts, in three worlds.

    enum      the enumerated world: policies are tables, the best policy is known
    essay     a small transformer, and a program that knows what its essays are worth
    reviews   SmolLM2-135M on real ratings of movie reviews: rewarded by one model of what people prefer, judged by
              another that was fitted on other people's prompts

Held against each other by E[r] - beta KL, which is what the methods with a KL penalty maximise. Learning rates and what
holds a policy to its start were chosen for each method on a seed that is not counted here (`settings.TUNED`); those of
the enumerated world are `exact_optimum`'s.
"""

from accord.lab.cell import CellResult
from accord.lab.is_rl_needed.cells import cells, work
from accord.lab.is_rl_needed.report import conclude, figure, table
from accord.lab.is_rl_needed.reviews import prepare
from accord.lab.is_rl_needed.settings import MethodResult
from accord.lab.reproduce import Reproduction

__all__ = ["IS_RL_NEEDED"]

IS_RL_NEEDED = Reproduction(
    name="is-rl-needed",
    question="Is RL needed, or are supervised methods and preferences enough on the same budget?",
    cells=cells,
    record=CellResult[MethodResult],
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
    prepare=prepare,
)
