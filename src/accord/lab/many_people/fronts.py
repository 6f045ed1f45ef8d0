"""Between two groups: rewarded soups against training again on the mixed reward, in the enumerated world.

Both groups share half of what they want and oppose each other in the other half. Policies are tables of logits, a row a
prompt and prefix. A soup is a weighted sum of the tables of both groups' optima (Rame et al. 2023, arXiv 2306.04488),
made by what averages the weights of language models. What is added to all logits of a row changes no policy, so a soup
of trained tables is that of the optima they were trained to. Training again ends at the optimum of the mixed reward,
which is known. Drawing texts of both policies in these proportions is the line that a soup should lie above.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.many_people.points import FrontPoint
from accord.lab.many_people.policies import maxmin_weights
from accord.lm.weighted_sums import weighted_tensors

__all__ = ["BETA", "WEIGHTS", "TwoGroups", "fronts", "table_of"]

BETA = 0.3
WEIGHTS = tuple(round(0.1 * number, 1) for number in range(11))
"""Of the first group."""


@dataclass(frozen=True)
class TwoGroups:
    """A world, and what its texts are worth to two groups, [2, P, N]: of mean 0 and deviation 1 under the start."""

    world: EnumWorld
    reward_2PN: Tensor

    @classmethod
    def draw(cls, seed: int) -> "TwoGroups":
        """Rewards (c + o) / sqrt(2) and (c - o) / sqrt(2) of two rewards that are drawn, o with nothing of c in it."""
        world = draw_world(seed, symbols=4, length=3, prompts=2)
        other_PN = draw_world(seed + 1_000_003, symbols=4, length=3, prompts=2).reward_PN
        ref_PN, common_PN = world.ref_PN.exp(), world.reward_PN
        opposed_PN = other_PN - (ref_PN * other_PN).sum(1, keepdim=True)
        opposed_PN = opposed_PN - (ref_PN * opposed_PN * common_PN).sum(1, keepdim=True) * common_PN
        opposed_PN = opposed_PN / (ref_PN * opposed_PN**2).sum(1, keepdim=True).sqrt()
        return cls(world, torch.stack([common_PN + opposed_PN, common_PN - opposed_PN]) / 2**0.5)

    def optimum(self, weight: float) -> Tensor:
        """The log-probabilities [P, N] of the optimum of the mixed reward, `weight` being the first group's."""
        mixed_PN = weight * self.reward_2PN[0] + (1 - weight) * self.reward_2PN[1]
        return replace(self.world, reward_PN=mixed_PN).optimum(BETA)

    def gains(self, logprob_PN: Tensor) -> tuple[float, float]:
        """What both groups gain over the start, the mean over prompts."""
        gain_2 = (logprob_PN.exp() * self.reward_2PN).sum(2).mean(1)
        return float(gain_2[0]), float(gain_2[1])

    def point(self, how: str, weight: float, logprob_PN: Tensor) -> FrontPoint:
        """Where a policy stands."""
        kl = self.world.kl(logprob_PN, self.world.ref_PN)
        return FrontPoint(how=how, weight=weight, gain=self.gains(logprob_PN), kl=kl)


def fronts(seed: int) -> Iterator[FrontPoint]:
    """Policies between two groups, made in three ways, and MaxMin's."""
    groups = TwoGroups.draw(seed)
    first_PN, second_PN = groups.optimum(1.0), groups.optimum(0.0)
    tables = [{"table": table_of(groups.world, each_PN)} for each_PN in (first_PN, second_PN)]
    for weight in WEIGHTS:
        soup = weighted_tensors(tables[0], weight, [("the second group's", tables[1], 1 - weight)])["table"]
        shares = torch.tensor([weight, 1 - weight], dtype=torch.float64)[:, None, None].log()
        mixture_PN = torch.logsumexp(torch.stack([first_PN, second_PN]) + shares, 0)
        yield groups.point("retrained", weight, groups.optimum(weight))
        yield groups.point("soup", weight, groups.world.logprob(soup.log_softmax(-1)))
        yield groups.point("mixture", weight, mixture_PN)
    weight_2 = maxmin_weights(lambda w_2: groups.gains(groups.optimum(float(w_2[0]))), 2)
    yield groups.point("maxmin", float(weight_2[0]), groups.optimum(float(weight_2[0])))


def table_of(world: EnumWorld, logprob_PN: Tensor) -> Tensor:
    """The log-probability of each token after each prefix, [P, M, A], under a distribution over whole texts."""
    mass_PMA = torch.zeros_like(world.ref_PMA)
    node_X, action_X = world.node_NT[world.mask_NT], world.action_NT[world.mask_NT]
    text_X = torch.arange(len(world.node_NT))[:, None].expand_as(world.mask_NT)[world.mask_NT]
    for prompt, prob_N in enumerate(logprob_PN.exp()):
        mass_PMA[prompt].index_put_((node_X, action_X), prob_N[text_X], accumulate=True)
    return mass_PMA.log() - mass_PMA.sum(-1, keepdim=True).log()
