"""The pairs of texts that a round may ask about: by the policy as it is now, a share of them by the first start."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from accord.artefacts import AskedPair
from accord.errors import RecipeError
from accord.interfaces import Writer
from accord.recipe.rounds import Round
from accord.records import Completion, Prompt
from accord.train.seeds import seed_of, shuffled

__all__ = ["PairWriter"]

TOGETHER = 16
"""Prompts that are answered in one call."""
ATTEMPTS = 3
By = Literal["policy", "start"]


@dataclass(frozen=True)
class PairWriter:
    """Writes them.

    writers   the policy of the round before and, where it writes a share, the first start
    prompts   all prompts of the data, of every split
    seed      of the run: the same round of the same run asks about the same texts
    """

    settings: Round
    writers: dict[By, Writer]
    prompts: Sequence[Prompt]
    seed: int

    def write(self, number: int) -> Iterator[tuple[AskedPair, tuple[Completion, Completion]]]:
        """`number` pairs at most, fewer where the policy always writes the same; each prompt once before any twice.

        Raises `RecipeError` where there are no prompts.
        """
        if not self.prompts:
            raise RecipeError("recipe.data: there are no prompts to ask about")
        order = shuffled(len(self.prompts), self.seed, "asked prompts")
        for first in range(0, number, TOGETHER):
            places = range(first, min(first + TOGETHER, number))
            yield from self._written([(place, self.prompts[order[place % len(order)]]) for place in places])

    def _written(
        self, places: Sequence[tuple[int, Prompt]]
    ) -> Iterator[tuple[AskedPair, tuple[Completion, Completion]]]:
        by = {place: self._lots(place) for place, _ in places}
        pairs: dict[int, tuple[Completion, Completion]] = {}
        for attempt in range(ATTEMPTS):
            lacking = [(place, prompt) for place, prompt in places if place not in pairs]
            if not lacking:
                break
            prompts = [prompt for _, prompt in lacking]
            drawn = self._drawn(prompts, {who for place, _ in lacking for who in by[place]}, lacking[0][0], attempt)
            for row, (place, _) in enumerate(lacking):
                first, second = (drawn[who][row][side] for side, who in enumerate(by[place]))
                if first.text != second.text and first.text.strip() and second.text.strip():
                    pairs[place] = first, second
        for place, prompt in places:
            if place in pairs:
                names = (pairs[place][0].id, pairs[place][1].id)
                yield (
                    AskedPair(prompt=prompt.id, completions=names, writers=by[place], evaluator=0, answers=1),
                    pairs[place],
                )

    def _drawn(
        self, prompts: Sequence[Prompt], names: set[By], place: int, attempt: int
    ) -> dict[By, list[list[Completion]]]:
        sampling = self.settings.sampling
        return {
            who: self.writers[who].write(
                prompts, 2, sampling.model_copy(update={"seed": seed_of(self.seed, "asked", who, place, attempt)})
            )
            for who in sorted(names)
        }

    def _lots(self, place: int) -> tuple[By, By]:
        """Who writes both texts of a pair."""
        draws = np.random.default_rng(seed_of(self.seed, "writers", place)).random(2)
        by: list[By] = ["start" if draw < self.settings.reference_share else "policy" for draw in draws]
        return by[0], by[1]
