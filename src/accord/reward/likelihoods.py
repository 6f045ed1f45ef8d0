"""How likely an answer is, given the rewards: pure functions of tensors.

They know no model, no file and no run.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["bradley_terry"]


def bradley_terry(margin_P: Tensor, tie_P: Tensor) -> Tensor:
    """Negative log-likelihood of P comparisons under Bradley and Terry (1952), [P].

    margin_P   reward of the chosen minus reward of the rejected
    tie_P      true where neither was preferred: half a win each, as is usual for this model without a tie parameter

    -log sigmoid(m) for a preference; -(log sigmoid(m) + log sigmoid(-m)) / 2 for a tie, least at m = 0.
    """
    won_P = -logsigmoid(margin_P)
    lost_P = -logsigmoid(-margin_P)
    return torch.where(tie_P, (won_P + lost_P) / 2, won_P)
