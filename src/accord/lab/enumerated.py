"""A world so small that every text can be written down, and with it the policy that training should find.

Texts are strings of a few symbols, ended by END or by the limit on their length. The reference gives each text a
probability, a program gives it a reward, and by enumeration

    pi*(y|x) = ref(y|x) exp(r(x, y) / beta) / Z(x)      maximises J = E[r] - beta KL(pi || ref), with J* = beta log Z
    KL(pi || pi*) = (J* - J(pi)) / beta                 is how far any policy is from it

(Korbak et al. 2022, arXiv 2205.11275; Rafailov et al. 2023). A policy is a table of logits, one row for each prompt
and prefix, so that nothing but the optimiser stands between it and the optimum. Probabilities are float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

import torch
from torch import Tensor

__all__ = ["EnumWorld", "draw_world"]


@dataclass(frozen=True)
class EnumWorld:
    """P prompts, N texts of up to T tokens out of A symbols (the last of them END), M prefixes.

    node_NT        the prefix before each token, 0 the empty one; 0 too behind the text's end
    action_NT      each token; END behind the text's end
    mask_NT        true at the tokens of the text, END included
    child_MA       the prefix after a token; -1 where the text is over
    text_MA        the text that a token completes; -1 where it goes on
    ref_PMA        log-probabilities of the reference for each token after each prefix
    reward_PN      what each text is worth, with mean 0 and standard deviation 1 under the reference
    components     rewards of other people, or what is to be limited, each [P, N], where a test adds them
    """

    node_NT: Tensor
    action_NT: Tensor
    mask_NT: Tensor
    child_MA: Tensor
    text_MA: Tensor
    ref_PMA: Tensor
    reward_PN: Tensor
    components: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return self.child_MA.shape[1] - 1

    def logprob(self, table_PMA: Tensor) -> Tensor:
        """The log-probability of every text under a table of log-probabilities, [P, N]."""
        token_PNT = table_PMA[:, self.node_NT, self.action_NT]
        return (token_PNT * self.mask_NT).sum(-1)

    @property
    def ref_PN(self) -> Tensor:
        """The log-probability of every text under the reference."""
        return self.logprob(self.ref_PMA)

    def optimum(self, beta: float) -> Tensor:
        """log pi* of every text, [P, N]."""
        return (self.ref_PN + self.reward_PN / beta).log_softmax(1)

    def token_optimum(self, beta: float) -> Tensor:
        """Where the gradient of GRPO without scaling vanishes, its log-probabilities [P, N].

        With the KL as k3 at every token, and reward alone in the advantages, each prefix settles by itself at
        pi(a|s) = beta ref(a|s) / (lambda(s) - Q(s, a)), Q being the expected reward of what follows and lambda such
        that it sums to 1: the forward KL to the reference, token by token. Worked out from the ends of texts back.
        """
        prompts, prefixes, _ = self.ref_PMA.shape
        value_PM = self.ref_PMA.new_zeros(prompts, prefixes)
        policy_PMA = torch.empty_like(self.ref_PMA)
        ends_MA = self.text_MA >= 0
        for node in reversed(range(prefixes)):
            reward_PA = self.reward_PN[:, self.text_MA[node].clamp(min=0)]
            quality_PA = torch.where(ends_MA[node], reward_PA, value_PM[:, self.child_MA[node].clamp(min=0)])
            policy_PMA[:, node] = _settled(self.ref_PMA[:, node].exp(), quality_PA, beta)
            value_PM[:, node] = (policy_PMA[:, node] * quality_PA).sum(1)
        return self.logprob(policy_PMA.log())

    def best_of(self, n: int) -> Tensor:
        """The log-probability of every text as the best of n drawn from the reference, [P, N]; rewards differ."""
        order_PN = self.reward_PN.argsort(1)
        sorted_PN = self.ref_PN.exp().gather(1, order_PN)
        upto_PN = sorted_PN.cumsum(1).clamp(max=1.0)
        # (F^n - (F - p)^n) as p times a sum of positive terms: no digits are lost where p is small.
        below_PN = (upto_PN - sorted_PN).clamp(min=0.0)
        factor_PN = sum((upto_PN**k * below_PN ** (n - 1 - k) for k in range(n)), torch.zeros(()))
        chosen_PN = torch.empty_like(sorted_PN).scatter(1, order_PN, sorted_PN * factor_PN)
        return chosen_PN.log()

    def dense(self) -> Tensor:
        """The reward of each text spread over its tokens, [P, N, T]: what each token adds to what may be expected.

        The expectation is the reference's, so this is a shaping by potentials (Ng, Harada & Russell 1999): rewards of a
        text sum to its own, and the optimum stays where it is.
        """
        prompts, prefixes, _ = self.ref_PMA.shape
        value_PM = self.ref_PMA.new_zeros(prompts, prefixes)
        ends_MA = self.text_MA >= 0
        for node in reversed(range(prefixes)):
            reward_PA = self.reward_PN[:, self.text_MA[node].clamp(min=0)]
            ahead_PA = torch.where(ends_MA[node], reward_PA, value_PM[:, self.child_MA[node].clamp(min=0)])
            value_PM[:, node] = (self.ref_PMA[:, node].exp() * ahead_PA).sum(1)
        before_PNT = value_PM[:, self.node_NT] * (self.node_NT > 0)
        ends_NT = torch.arange(self.mask_NT.shape[1]) == self.mask_NT.sum(1, keepdim=True) - 1
        after_PNT = torch.where(ends_NT, self.reward_PN[:, :, None], before_PNT.roll(-1, 2))
        return (after_PNT - before_PNT) * self.mask_NT

    def bounded(self) -> "EnumWorld":
        """The same world with rewards between 0 and 1, both reached for every prompt."""
        low_P1, high_P1 = self.reward_PN.min(1, keepdim=True).values, self.reward_PN.max(1, keepdim=True).values
        return replace(self, reward_PN=(self.reward_PN - low_P1) / (high_P1 - low_P1))

    def expected(self, logprob_PN: Tensor) -> float:
        """E[r] of a policy, the mean over prompts."""
        return float((logprob_PN.exp() * self.reward_PN).sum(1).mean())

    def kl(self, logprob_PN: Tensor, other_PN: Tensor) -> float:
        """KL(first || second) in nats, the mean over prompts."""
        gap_PN = torch.where(logprob_PN > -torch.inf, logprob_PN - other_PN, 0.0)
        return float((logprob_PN.exp() * gap_PN).sum(1).mean())

    def objective(self, logprob_PN: Tensor, beta: float) -> float:
        """J = E[r] - beta KL(pi || ref)."""
        return self.expected(logprob_PN) - beta * self.kl(logprob_PN, self.ref_PN)

    def frontier(self, kl: float) -> float:
        """The largest E[r] of any policy at this KL to the reference: that of pi* at the beta that spends it."""
        low, high = 1e-3, 1e3
        for _ in range(100):
            middle = (low * high) ** 0.5
            spent = self.kl(self.optimum(middle), self.ref_PN)
            low, high = (middle, high) if spent > kl else (low, middle)
        return self.expected(self.optimum(low))


def _settled(ref_PA: Tensor, quality_PA: Tensor, beta: float) -> Tensor:
    """beta ref / (lambda - quality) with the lambda, above every quality, that makes it sum to 1; by bisection."""
    low_P1 = quality_PA.max(1, keepdim=True).values
    high_P1 = low_P1 + beta
    for _ in range(80):
        middle_P1 = (low_P1 + high_P1) / 2
        above = (beta * ref_PA / (middle_P1 - quality_PA)).sum(1, keepdim=True) > 1
        low_P1, high_P1 = torch.where(above, middle_P1, low_P1), torch.where(above, high_P1, middle_P1)
    return beta * ref_PA / (high_P1 - quality_PA)


def draw_world(seed: int, *, symbols: int = 6, length: int = 4, prompts: int = 4) -> EnumWorld:
    """A world drawn from a seed: the reference of normal logits; rewards by position, by neighbours and by length.

    Raises ValueError where there would be more than 20,736 texts.
    """
    if sum(symbols**size for size in range(length + 1)) > 20_736:
        raise ValueError(f"{symbols} symbols up to length {length} are more than 20,736 texts")
    generator = torch.Generator().manual_seed(seed)
    node_NT, action_NT, mask_NT, child_MA, text_MA = _tree(symbols, length)
    logits_PMA = 0.7 * torch.randn(prompts, *child_MA.shape, generator=generator, dtype=torch.float64)
    reward_PN = _draw_rewards(action_NT, mask_NT, prompts, symbols, generator)
    world = EnumWorld(node_NT, action_NT, mask_NT, child_MA, text_MA, logits_PMA.log_softmax(-1), reward_PN)
    ref_PN = world.ref_PN.exp()
    reward_PN = reward_PN - (ref_PN * reward_PN).sum(1, keepdim=True)
    reward_PN = reward_PN / (ref_PN * reward_PN**2).sum(1, keepdim=True).sqrt()
    return replace(world, reward_PN=reward_PN)


def _tree(symbols: int, length: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """All texts and their prefixes: node_NT, action_NT, mask_NT, child_MA and text_MA of `EnumWorld`."""
    prefixes = [prefix for size in range(length) for prefix in product(range(symbols), repeat=size)]
    number = {prefix: index for index, prefix in enumerate(prefixes)}
    child_MA = torch.full((len(prefixes), symbols + 1), -1)
    for prefix, index in number.items():
        for symbol in range(symbols):
            child_MA[index, symbol] = number.get((*prefix, symbol), -1)
    texts = [(*prefix, symbols) for prefix in prefixes] + list(product(range(symbols), repeat=length))
    shape = (len(texts), length)
    text_MA = torch.full_like(child_MA, -1)
    node_NT = torch.zeros(shape, dtype=torch.long)
    action_NT, mask_NT = torch.full(shape, symbols), torch.zeros(shape, dtype=torch.bool)
    for row, text in enumerate(texts):
        text_MA[number[text[:-1]], text[-1]] = row
        for position, symbol in enumerate(text):
            node_NT[row, position] = number[text[:position]]
            action_NT[row, position] = symbol
            mask_NT[row, position] = True
    return node_NT, action_NT, mask_NT, child_MA, text_MA


def _draw_rewards(action_NT: Tensor, mask_NT: Tensor, prompts: int, symbols: int, generator: torch.Generator) -> Tensor:
    """The reward of every text, [P, N]: of each symbol at its position, of neighbours, of the length, and its own."""
    texts, length = action_NT.shape
    by_position, by_neighbours, by_length, by_text = (
        torch.randn(*size, generator=generator, dtype=torch.float64)
        for size in (
            (prompts, length, symbols + 1),
            (prompts, symbols + 1, symbols + 1),
            (prompts, length + 1),
            (prompts, texts),
        )
    )
    worth_PNT = by_position[:, torch.arange(length)[None, :], action_NT]
    worth_PNT[:, :, 1:] += 0.7 * by_neighbours[:, action_NT[:, :-1], action_NT[:, 1:]]
    return (worth_PNT * mask_NT).sum(-1) + by_length[:, mask_NT.sum(1)] + 0.3 * by_text
