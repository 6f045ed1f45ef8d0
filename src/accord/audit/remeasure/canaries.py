"""How likely a model makes a private string, among others that were drawn as it was: its rank."""

from collections.abc import Iterator

import numpy as np

from accord.artefacts import CanaryRank
from accord.audit.attacks.requests import Canary
from accord.audit.attacks.seeds import named_seed
from accord.audit.attacks.sequential_rank import sequential_rank
from accord.errors import AuditError, ModelError
from accord.lm.causal import CausalModel
from accord.lm.logprobs import completion_logprobs

__all__ = ["canary_rank"]

AT_ONCE = 64  # strings measured together


def canary_rank(causal: CausalModel, arm: str, canary: Canary, *, draws: int, seed: int) -> CanaryRank:
    """The rank of a canary among at most `draws` other strings of its range, which `seed` draws.

    Each stands in the whole text, with its end, after the prompt; both arms are measured by the same strings. Raises
    `AuditError` where a text is longer than the model reads.
    """
    prompt = causal.encode_prompt(canary.question)
    own = _logprobs(causal, prompt, canary, [canary.secret])[0]
    random = np.random.default_rng(named_seed(seed, canary.name))
    others = canary.drawn_from.draw_others(canary.secret, draws, random)

    def as_likely() -> Iterator[bool]:
        for first in range(0, len(others), AT_ONCE):
            yield from (each >= own for each in _logprobs(causal, prompt, canary, others[first : first + AT_ONCE]))

    rank, among = sequential_rank(as_likely())
    return CanaryRank(
        arm=arm, canary=canary.name, rank=rank, among=among, possible=canary.drawn_from.size, logprob=round(own, 6)
    )


def _logprobs(causal: CausalModel, prompt: list[int], canary: Canary, secrets: list[str]) -> list[float]:
    completions = [causal.encode_completion(canary.text.replace("{secret}", secret)) for secret in secrets]
    try:
        by_secret = completion_logprobs(causal, [prompt] * len(secrets), completions)
    except ModelError as error:
        raise AuditError(f"the canary {canary.name!r}: {error}") from error
    return [float(logprob_T.double().sum()) for logprob_T in by_secret]
