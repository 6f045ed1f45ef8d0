"""How far the policy has moved since people were last asked, and whether its reward is less sure of what it writes now.

Neither says that a reward is wrong: together they say whether a probe could find anything that the last one did not.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import ASKED_PAIRS, ASKED_TEXTS, ASKING, AskedPair, ShiftRow
from accord.interfaces import Judge
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.memory import release_memory
from accord.loop.earlier_round import EarlierRound, earlier_round
from accord.policy.settings import PolicySettings
from accord.recipe.rounds import Round
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from accord.stats import Estimate, difference_of, mean

__all__ = ["is_still", "policys_own", "shift_since"]


@dataclass(frozen=True)
class _Asked:
    """A round that asked: its number, the policy whose texts were judged, and these texts."""

    number: int
    policy: Path
    texts: Sequence[Completion]


def is_still(shift: ShiftRow, settings: Round) -> bool:
    """Whether a round need not probe: the policy has surely hardly moved, and its reward is not surely less sure.

    After `longest_wait` rounds without a probe there is one all the same.
    """
    if settings.number - shift.since > settings.longest_wait:
        return False
    grew = shift.doubt is not None and (shift.doubt.low is None or shift.doubt.low > 0)
    return shift.kl.high is not None and shift.kl.high < settings.least_kl and not grew


def policys_own(pairs: Sequence[AskedPair], texts: Mapping[str, Completion]) -> list[Completion]:
    """The texts of pairs that the policy wrote."""
    own = {name: who for pair in pairs for name, who in zip(pair.completions, pair.writers, strict=True)}
    return [texts[name] for name, who in own.items() if who == "policy"]


def shift_since(
    earlier: EarlierRound, policy: PolicySettings, judge: Judge, fresh: Sequence[Completion], temperature: float
) -> ShiftRow | None:
    """What became of the policy of the round before since a round last asked; None where none has.

    `fresh` are texts that it wrote at `temperature`, `judge` is its reward.
    """
    with _last_asked(earlier) as asked:
        if asked is None or not fresh or not asked.texts:
            return None
        prompts = earlier.reader.prompts
        now_N, then_N = (
            _logprobs(path, policy, prompts, fresh, temperature) for path in (earlier.policy, asked.policy)
        )
        ratio_N = now_N - then_N
        # k3 of Schulman 2020: unbiased for the KL as the log-ratio is, never negative, and less noisy near 0
        kl = mean(np.exp(np.minimum(-ratio_N, 50)) - 1 + ratio_N, [text.prompt for text in fresh])
        return ShiftRow(since=asked.number, kl=kl, doubt=_doubt(judge, prompts, fresh, asked.texts))


@contextmanager
def _last_asked(earlier: EarlierRound) -> Iterator[_Asked | None]:
    """The newest round up to one that took answers; None where there is none."""
    asking = earlier.asking
    if asking is None:
        yield None
        return
    with earlier_round(Round.model_validate(earlier.reader.recipe["round"], strict=False)) as before:
        if asking.labels:
            yield _Asked(asking.number, before.policy, _texts_of(earlier.run))
            return
        with _last_asked(before) as asked:
            yield asked


def _texts_of(run: RunDirectory) -> list[Completion]:
    stage = ASKING.stage
    texts = {text.id: text for text in ASKED_TEXTS.read(run, stage)}
    return policys_own(list(ASKED_PAIRS.read(run, stage)), texts)


def _logprobs(
    path: Path, policy: PolicySettings, prompts: Mapping[str, Prompt], texts: Sequence[Completion], temperature: float
) -> NDArray[np.float64]:
    """The log-probability of each text under a policy, nats, [N]."""
    causal = load(path, dtype=policy.dtype, device=policy.resolved_device, trust_remote_code=policy.trust_remote_code)
    heads = [causal.encode_prompt(prompts[text.prompt]) for text in texts]
    tokens = [text.token_ids or () for text in texts]
    found = completion_logprobs(causal, heads, tokens, temperature=temperature or 1.0)
    del causal
    release_memory()
    return np.array([float(each.double().sum()) for each in found])


def _doubt(
    judge: Judge, prompts: Mapping[str, Prompt], fresh: Sequence[Completion], before: Sequence[Completion]
) -> Estimate | None:
    """Mean standard deviation of a reward's scores of fresh texts less that of texts before; None where it has none."""
    means = []
    for texts in (fresh, before):
        scores = judge.score([prompts[text.prompt] for text in texts], texts)
        if scores.std_N is None:
            return None
        means.append(mean(scores.std_N, [text.prompt for text in texts]))
    return difference_of(*means)
