"""Demonstrations: what an evaluator would answer is better than what was written to the same prompt."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from accord.feedback import Dataset
from accord.records import Completion
from accord.reward.likelihoods import choice
from accord.reward.observations import Observation
from accord.reward.terms.acts import observed, padded
from accord.reward.terms.base import OwnNoise, Term
from accord.reward.terms.reading import Reading
from accord.train import seed_of, shuffled

__all__ = ["Demonstrations"]


class Demonstrations(Term):
    """A demonstration chosen among what else there is of its prompt, and `elsewhere` demonstrations of other prompts.

    Of its prompt there are the completions that anybody judged in the split; those that evaluators wrote themselves are
    no alternatives. Demonstrations of other prompts are read as answers to this one: they tell an answer from something
    that is none, and are drawn by the prompt, the same for the same data. A demonstration that can be held against
    nothing is no observation.
    """

    name = "demonstration"

    def __init__(self, *, elsewhere: int = 1, among: int = 4, own_noise: bool = False) -> None:
        super().__init__()
        self.elsewhere, self.among = elsewhere, among
        self.noise = OwnNoise() if own_noise else None

    def read(self, data: Dataset, split: str) -> Reading:
        """The demonstrations of the split, each with at most `among` alternatives of its own prompt."""
        demonstrations = data.demonstrations(split)
        theirs = {Completion(prompt=each.feedback.prompt, text=each.judgement.text).id for each in demonstrations}
        judged: dict[str, dict[str, None]] = {}
        for record in data.feedback.get(split, ()):
            judged.setdefault(record.prompt, {}).update(dict.fromkeys(record.completions))
        texts = {entry.judgement.text: entry.feedback.prompt for entry in demonstrations}
        observations: list[Observation] = []
        written: dict[str, Completion] = {}
        for entry in demonstrations:
            prompt = entry.feedback.prompt
            own = Completion(prompt=prompt, text=entry.judgement.text)
            others = [name for name in judged[prompt] if data.completions[name].text != own.text and name not in theirs]
            kept = [others[i] for i in shuffled(len(others), "alternatives", entry.feedback.id)[: self.among]]
            added = [own, *self._elsewhere(prompt, own.text, texts)]
            written |= {each.id: each for each in added}
            names = (own.id, *kept, *(each.id for each in added[1:]))
            if len(set(names)) > 1:
                observations.append(observed(data, split, entry.feedback, names, entry.judgement))
        return Reading(observations, written)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`choice` of the demonstration."""
        if self.noise is not None:
            score_AM = self.noise(score_AM)
        score_OIM = score_AM[padded(places, 0, score_AM.device)]
        there_OI = padded([[1] * len(row) for row in places], 0, score_AM.device) > 0
        return choice(score_OIM.transpose(1, 2), there_OI)

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """The demonstration less the best of the others; never a tie."""
        place_OI = padded(places, -1, score_AM.device)
        score_OIM = torch.where((place_OI >= 0)[:, :, None], score_AM[place_OI], -torch.inf)
        never_O = torch.zeros(len(observations), dtype=torch.bool, device=score_AM.device)
        return score_OIM[:, 0] - score_OIM[:, 1:].max(1).values, never_O

    def penalty(self) -> Tensor:
        """Of the noise, where it is their own."""
        return super().penalty() if self.noise is None else self.noise.penalty()

    def _elsewhere(self, prompt: str, text: str, prompts: Mapping[str, str]) -> Iterator[Completion]:
        """Demonstrations of other prompts, as if they answered this one."""
        texts = list(prompts)
        draw = np.random.default_rng(seed_of("elsewhere", prompt, text))
        few = len(texts) <= 64
        drawn = draw.permutation(len(texts)) if few else draw.integers(len(texts), size=16 + 4 * self.elsewhere)
        others = (texts[i] for i in dict.fromkeys(drawn.tolist()))
        different = (other for other in others if prompts[other] != prompt and other != text)
        for other in islice(different, self.elsewhere):
            yield Completion(prompt=prompt, text=other)
