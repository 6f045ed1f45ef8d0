"""An enumerated world where every meaning has eight wordings.

Six words are three pairs of synonyms; a text of three words means the pairs that it goes through. Each prompt asks for
one meaning, so that eight of its 259 texts are right. The start writes the right pair more often than the others, and
prefers some wordings to others. A human's reference is one of the eight.
"""

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from accord.lab.enumerated import EnumWorld, draw_world

__all__ = ["PARAPHRASES", "SynonymWorld"]

PAIRS, LENGTH, PROMPTS = 3, 3, 4
PARAPHRASES = 2**LENGTH
HINT = 1.5  # nats that the start gives to the words of the right pair
RIGHT = 4.0  # nats of preference for the right meaning


@dataclass(frozen=True)
class SynonymWorld:
    """The world, whose reward is 4 for the right meaning and 0 else; and its right texts, [P, 8], in an order drawn.

    The first of them are the references.
    """

    world: EnumWorld
    right_PK: Tensor

    @classmethod
    def draw(cls, seed: int) -> "SynonymWorld":
        """A world drawn from a seed: what each prompt asks for, how the start writes, which wordings come first."""
        world = draw_world(seed, symbols=2 * PAIRS, length=LENGTH, prompts=PROMPTS)
        generator = torch.Generator().manual_seed(seed + 181)
        asked_PL = torch.randint(PAIRS, (PROMPTS, LENGTH), generator=generator)
        logits_PMA = world.ref_PMA.clone()
        depth_M = _depths(world)
        for prompt, asked_L in enumerate(asked_PL):
            for symbol in range(2 * PAIRS):
                logits_PMA[prompt, :, symbol] += HINT * (asked_L[depth_M] == symbol // 2)
        number = {tuple(text): row for row, text in enumerate(world.action_NT.tolist())}
        right_PK = torch.stack(
            [
                torch.tensor([number[text] for text in product(*((2 * pair, 2 * pair + 1) for pair in asked_L))])[
                    torch.randperm(PARAPHRASES, generator=generator)
                ]
                for asked_L in asked_PL.tolist()
            ]
        )
        reward_PN = torch.zeros_like(world.reward_PN).scatter_(1, right_PK, RIGHT)
        return cls(replace(world, ref_PMA=logits_PMA.log_softmax(-1), reward_PN=reward_PN), right_PK)

    def right(self, logprob_PN: Tensor) -> Tensor:
        """The log-probability of each right text, [P, 8]."""
        return logprob_PN.gather(1, self.right_PK)


def _depths(world: EnumWorld) -> Tensor:
    """How many words each prefix has, [M]."""
    depth_M = torch.zeros(len(world.child_MA), dtype=torch.long)
    for node, children in enumerate(world.child_MA.tolist()):
        for child in children:
            if child >= 0:
                depth_M[child] = depth_M[node] + 1
    return depth_M
