"""A small network that answers: a memory of each bridge, and what is made of it.

A vector for the bridge and one for what stands beside it go through one hidden layer. Reading what was written sets all
of it; training afterwards leaves the vectors as they are, as `trained_layers` does with a language model's lower
layers, so that what is learnt from some bridges is learnt of all.
"""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from accord.lab.not_knowing.world import ANSWERS, CONTEXTS, Floats, Questions
from accord.train.optimiser import Optim, Optimiser

__all__ = ["Answerer", "constant"]

WIDTH, BESIDE, HIDDEN = 24, 12, 64
READING, READING_RATE = 400, 1e-2


class Answerer(nn.Module):
    """What it answers to questions, as logits; where it is called, to its `questions`."""

    def __init__(self, bridges: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.bridge = nn.Embedding(bridges, WIDTH)
            self.beside = nn.Embedding(CONTEXTS, BESIDE)
            self.hidden, self.answer = nn.Linear(WIDTH + BESIDE, HIDDEN), nn.Linear(HIDDEN, ANSWERS + 1)
            for memory in (self.bridge, self.beside):
                nn.init.normal_(memory.weight, std=0.1)
        self.questions: Questions | None = None

    @classmethod
    def having_read(cls, of: Questions, seed: int, *, quick: bool = False) -> "Answerer":
        """One that has read what was written, in the shares in which it was; with `quick` little of it."""
        steps = READING // 8 if quick else READING
        answerer = cls(of.bridges, seed)
        written_PA = torch.from_numpy(of.written_PA).float()
        optimiser = Optimiser(constant(READING_RATE), list(answerer.parameters()), steps)
        for _ in range(steps):
            optimiser.add(-(written_PA * answerer.logits(of).log_softmax(-1)).sum(1).mean())
            optimiser.step()
        return answerer

    def logits(self, of: Questions) -> Tensor:
        """[P, 21]."""
        bridge_P, context_P = torch.from_numpy(of.bridge_P), torch.from_numpy(of.context_P)
        read_PD = torch.cat([self.bridge(bridge_P), self.beside(context_P)], -1)
        logits_PA: Tensor = self.answer(self.hidden(read_PD).relu())
        return logits_PA

    def forward(self) -> Tensor:
        """To `questions`, as a `TableTrainer` takes them, [P, 1, 21]. Raises ValueError without any."""
        if self.questions is None:
            raise ValueError("no questions; set `questions`")
        return self.logits(self.questions)[:, None]

    @torch.no_grad()
    def answers(self, of: Questions) -> Floats:
        """The probability of every answer, [P, 21]."""
        return np.asarray(self.logits(of).double().softmax(-1).numpy())

    def learner(self, *, memory: bool = False) -> "Answerer":
        """A copy to be trained; its memories stay as they are, unless `memory`."""
        other = copy.deepcopy(self)
        for vectors in (other.bridge, other.beside):
            vectors.weight.requires_grad_(memory)
        return other

    def trainable(self) -> list[nn.Parameter]:
        """The weights that are trained."""
        return [each for each in self.parameters() if each.requires_grad]

    def silenced(self, by: float) -> "Answerer":
        """A copy to which "I don't know." is so much less likely, in log-odds."""
        other = copy.deepcopy(self)
        with torch.no_grad():
            other.answer.bias[ANSWERS] -= by
        return other


def constant(rate: float) -> Optim:
    """Adam at a constant rate, gradients unclipped."""
    return Optim(
        lr=rate, warmup_steps=0, lr_schedule="constant", final_lr_ratio=1.0, betas=(0.9, 0.999), max_grad_norm=1e9
    )
