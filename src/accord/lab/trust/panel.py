"""The panel: who compares what, and what they want."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.feedback import Dataset, Ledger, draw_dataset
from accord.interfaces import Item
from accord.records import Completion, Pair, Prompt
from accord.reward.likelihoods import bradley_terry

__all__ = ["EVALUATORS", "Panel", "fit", "gold_accuracy"]

Floats = NDArray[np.float64]
EVALUATORS, PAIRS, A_PAIR = 40, 60, 5  # evaluators, pairs of each, evaluators of each pair
WIDTH = 32  # numbers of a text
RIDGE = 0.01


@dataclass(frozen=True)
class Panel:
    """One panel of a seed: texts of two sides [P, D] each, who compares which pair [P, 5], and two directions [D].

    `truth_D` is what ordinary evaluators want, `other_D` another direction, which has nothing to do with it; `order_E`
    is the order in which evaluators are made careless, or of another view.
    """

    seed: int
    side_2PD: Floats
    who_PK: NDArray[np.int64]
    truth_D: Floats
    other_D: Floats
    order_E: NDArray[np.int64]

    @classmethod
    def draw(cls, seed: int) -> "Panel":
        """In each block of eight pairs every evaluator compares one."""
        random = np.random.default_rng([seed, 15])
        blocks = [random.permutation(EVALUATORS).reshape(-1, A_PAIR) for _ in range(PAIRS)]
        who_PK = np.concatenate(blocks)
        truth_D, other_D = np.linalg.qr(random.standard_normal((WIDTH, 2)))[0].T
        sides_2PD = random.standard_normal((2, len(who_PK), WIDTH))
        return cls(seed, sides_2PD, who_PK, truth_D, other_D, random.permutation(EVALUATORS))

    def ask(self, changes: list[dict[str, object]], temperature: float) -> tuple[Dataset, dict[str, Floats]]:
        """What a panel answers whose first evaluators, in `order_E`, are changed so; and every text's numbers by id."""
        prompt = Prompt.ask("Which is better?")
        texts = [
            [Completion(prompt=prompt.id, text=f"{side} {number}") for number in range(len(self.who_PK))]
            for side in ("first", "second")
        ]
        numbers = {
            text.id: row_D
            for of_side, side_PD in zip(texts, self.side_2PD, strict=True)
            for text, row_D in zip(of_side, side_PD, strict=True)
        }
        people = [
            SimulatedEvaluator(
                name=f"e{number}", weights=tuple(self.truth_D), temperature=temperature, lapse=0.0, seed=self.seed
            )
            for number in range(EVALUATORS)
        ]
        for number, change in zip(self.order_E.tolist(), changes, strict=False):
            people[number] = people[number].changed(**change)
        with TemporaryDirectory() as folder, Ledger(Path(folder) / "panel.db") as ledger:
            ledger.extend([prompt, *texts[0], *texts[1], *(person.evaluator for person in people)])
            for number, person in enumerate(people):
                places = np.flatnonzero((self.who_PK == number).any(1)).tolist()
                items = [Item(prompt, (texts[0][place], texts[1][place])) for place in places]
                qualities = {name: row_D.tolist() for name, row_D in numbers.items()}
                ledger.extend(person.bound(qualities).ask(items))
            return draw_dataset(ledger, fractions={"train": 1.0, "eval_reward": 0.0, "held_out": 0.0}), numbers


def fit(pairs: tuple[Pair, ...], numbers: dict[str, Floats]) -> Floats:
    """A linear Bradley-Terry reward [D], by the loss and the weights that every reward model is fitted with."""
    difference_PD = torch.tensor(np.stack([numbers[pair.chosen] - numbers[pair.rejected] for pair in pairs]))
    weight_P = torch.tensor([pair.weight for pair in pairs], dtype=torch.float64)
    tie_P = torch.tensor([pair.tie for pair in pairs])
    reward_D = torch.zeros(WIDTH, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([reward_D], max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = (weight_P * bradley_terry(difference_PD @ reward_D, tie_P)).sum() + RIDGE / 2 * reward_D @ reward_D
        value.backward()
        return value

    optimiser.step(loss)
    return np.asarray(reward_D.detach().numpy())


def gold_accuracy(reward_D: Floats, wanted_D: Floats) -> float:
    """The share of all pairs of texts from N(0, I) that two linear rewards order alike: 1 - angle / pi."""
    cosine = float(reward_D @ wanted_D / (np.linalg.norm(reward_D) * np.linalg.norm(wanted_D)))
    return 1 - float(np.arccos(np.clip(cosine, -1, 1))) / float(np.pi)
