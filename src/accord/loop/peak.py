"""Where the rounds' curve turns: what the newest independent judge says of all their policies, over sqrt(KL).

The law of RL of Gao et al. 2022 (arXiv 2210.10760) is fitted to the mean scores of the start and of each round's policy
on the same held-out prompts. The law cannot stay flat, so a curve that only levels off has a fitted peak too: passed it
is only where the policy surely scores below that of the round nearest to the peak as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import EVALUATION_SAMPLES, EvaluationSample, PeakRow, RunReader, folder_of_round
from accord.interfaces import Judge
from accord.policy.evaluate import kl_of
from accord.records import Completion
from accord.run import RunDirectory
from accord.stats import Estimate, mean
from accord.stats.overoptimisation import fitted_peak, peak_of

__all__ = ["RoundCurve", "curve_of_rounds", "scores_by_prompt"]

Floats = NDArray[np.float64]
PARTS = 5


@dataclass(frozen=True)
class RoundCurve:
    """The start and the policies of R rounds on P prompts: KL to the start and score, means over a prompt's samples.

    kl_SP     nats a sequence, [R + 1, P]; the start first, at 0
    score_SP  by one judge
    """

    kl_SP: Floats
    score_SP: Floats

    def peak(self) -> PeakRow | None:
        """The fitted peak, and the last round beside the one nearest to it; None where there is no peak."""
        at = fitted_peak(self._means, self.kl_SP.shape[1])
        if at is None:
            return None
        reached = float(self._distances(np.arange(self.kl_SP.shape[1]))[-1])
        return PeakRow(at=at, reached=reached, nearest=self._nearest(at.value), change=self._change())

    def _change(self) -> Estimate:
        """The last round's score less that of the round nearest to the peak.

        Prompts are dealt into parts, and where the peak lies is said by all the other parts: a round that was chosen
        because it scored well on the same prompts would seem to be better than it is.
        """
        prompts = self.kl_SP.shape[1]
        part_P = np.random.default_rng(0).permutation(prompts) % PARTS
        change_P = np.zeros(prompts)
        for part in range(PARTS):
            nearest = self._nearest(peak_of(self._means, np.flatnonzero(part_P != part)))
            own_P = part_P == part
            change_P[own_P] = self.score_SP[-1, own_P] - self.score_SP[nearest, own_P]
        return mean(change_P)

    def _nearest(self, peak: float) -> int:
        """The round whose policy is nearest to a peak; the last one where there is no peak."""
        distance_S = self._distances(np.arange(self.kl_SP.shape[1]))[1:]
        return 1 + int(np.abs(distance_S - peak).argmin()) if np.isfinite(peak) else len(distance_S)

    def _distances(self, prompts_I: NDArray[np.intp]) -> Floats:
        distance_S: Floats = np.sqrt(np.maximum(self._means("kl", prompts_I), 0))
        return distance_S

    def _means(self, column: str, prompts_I: NDArray[np.intp]) -> Floats:
        means_S: Floats = (self.kl_SP if column == "kl" else self.score_SP)[:, prompts_I].mean(1)
        return means_S


def curve_of_rounds(path: Path, number: int, judge: Judge) -> RoundCurve | None:
    """The curve of the first `number` rounds of the run at `path`; None where they share no prompts."""
    kl_of_arm: list[dict[str, list[float]]] = []
    score_of_arm: list[dict[str, list[float]]] = []
    for each in range(1, number + 1):
        with RunDirectory.open(folder_of_round(path, each), write=False) as run:
            reader = RunReader.of(run)
            if not reader.has(EVALUATION_SAMPLES):
                return None
            for arm in ("start", "policy") if each == 1 else ("policy",):
                samples = [sample for sample in reader.evaluation_samples if sample.arm == arm]
                score_of_arm.append(scores_by_prompt(reader, samples, judge))
                kl_of_arm.append(_kl_by_prompt(samples) if arm == "policy" else {})
    prompts = sorted(set.intersection(*(set(scores) for scores in score_of_arm)))
    if not prompts:
        return None
    kl_SP = [[float(np.mean(kls[name])) if kls else 0.0 for name in prompts] for kls in kl_of_arm]
    score_SP = [[float(np.mean(scores[name])) for name in prompts] for scores in score_of_arm]
    return RoundCurve(np.array(kl_SP), np.array(score_SP))


def scores_by_prompt(reader: RunReader, samples: Sequence[EvaluationSample], judge: Judge) -> dict[str, list[float]]:
    """A judge's scores of evaluation samples, by prompt."""
    texts = [Completion(prompt=sample.prompt, text=sample.text, token_ids=sample.token_ids) for sample in samples]
    by_prompt: dict[str, list[float]] = {}
    prompts = reader.prompts
    for text, value in zip(texts, judge.score([prompts[t.prompt] for t in texts], texts).value_N, strict=True):
        by_prompt.setdefault(text.prompt, []).append(float(value))
    return by_prompt


def _kl_by_prompt(samples: Sequence[EvaluationSample]) -> dict[str, list[float]]:
    by_prompt: dict[str, list[float]] = {}
    for sample in samples:
        by_prompt.setdefault(sample.prompt, []).append(kl_of(sample))
    return by_prompt
