"""Demonstrations as draws from a policy that is the start's, tilted by the reward: maximum-entropy inverse RL."""

from collections import Counter
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.records import Completion
from accord.reward.likelihoods import counted_choice, noise_contrast
from accord.reward.observations import Observation
from accord.reward.terms.acts import observed, padded
from accord.reward.terms.base import Term
from accord.reward.terms.choices import Partition
from accord.reward.terms.reading import Reading

__all__ = ["InverseDemonstrations"]


class InverseDemonstrations(Term):
    """Demonstrations under p(y|x) = start(y|x) exp(r(x, y)) / Z(x), with texts of the start in place of Z(x).

    samples   the demonstration is told from K samples of the start by their rewards alone (Ma & Collins 2018)
    learnt    each prompt has a parameter log Z(x), and each text is told to be a demonstration or a sample by
              r(x, y) - log Z(x) (Gutmann & Hyvarinen 2010)

    `texts` are the start's samples by prompt; of equal texts each counts. A prompt without samples says nothing.
    """

    name = "demonstration"

    def __init__(self, texts: Mapping[str, Sequence[str]], partition: Partition = "samples") -> None:
        super().__init__()
        self._texts, self.partition = texts, partition
        self._place = {prompt: place for place, prompt in enumerate(sorted(texts))}
        self.log_partition = nn.Parameter(torch.zeros(len(texts))) if partition == "learnt" else None

    def read(self, data: Dataset, split: str) -> Reading:
        """The demonstrations of the split; `content` is how often each of the texts stands beside the others."""
        observations: list[Observation] = []
        written: dict[str, Completion] = {}
        for entry in data.demonstrations(split):
            prompt = entry.feedback.prompt
            samples = Counter(self._texts.get(prompt, ()))
            if not samples:
                continue
            counts = {entry.judgement.text: samples.pop(entry.judgement.text, 0) + 1, **samples}
            texts = [Completion(prompt=prompt, text=text) for text in counts]
            written |= {each.id: each for each in texts}
            names = (each.id for each in texts)
            observations.append(observed(data, split, entry.feedback, names, tuple(counts.values())))
        return Reading(observations, written)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`counted_choice` of the demonstration, or `noise_contrast` with the prompt's partition function."""
        device = score_AM.device
        score_OMI = score_AM[padded(places, 0, device)].transpose(1, 2)
        count_OI = padded([each.content for each in observations], 0, device)
        if self.log_partition is None:
            return counted_choice(score_OMI, count_OI)
        place_O = torch.tensor([self._place[each.prompt] for each in observations], device=device)
        return noise_contrast(score_OMI, count_OI, self.log_partition[place_O])

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """The demonstration less the mean of the others; a tie where all samples are it."""
        there_OI = padded([[1] * len(row) for row in places], 0, score_AM.device)
        score_OIM = score_AM[padded(places, 0, score_AM.device)]
        others_OI = there_OI[:, 1:]
        number_O = others_OI.sum(1)
        mean_OM = (score_OIM[:, 1:] * others_OI[:, :, None]).sum(1) / number_O.clamp(min=1)[:, None]
        return score_OIM[:, 0] - mean_OM, number_O == 0
