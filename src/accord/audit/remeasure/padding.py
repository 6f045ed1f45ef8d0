"""Whether a judge's score depends on what else is in the call."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accord.errors import ModelError
from accord.interfaces import Judge
from accord.records import Completion, Prompt

__all__ = ["score_changes"]

LONGER = (3, 2, 1)  # the neighbour is so many times as long as the longest completion, as far as the judge can read


def score_changes(
    judge: Judge, prompts: Sequence[Prompt], completions: Sequence[Completion]
) -> tuple[NDArray[np.float64], float]:
    """The largest change of each completion's score by its company [N], and the SD of the scores.

    Each is scored alone; with all others in the opposite order behind a much longer neighbour; and in two halves with
    that neighbour last. `prompts[i]` is what `completions[i]` answers.
    """
    long = _neighbour(judge, prompts[0], max((completion.text for completion in completions), key=len) or "word")
    alone_N = np.array([judge.score([p], [c]).value_N[0] for p, c in zip(prompts, completions, strict=True)])
    behind = judge.score([prompts[0], *reversed(prompts)], [long, *reversed(completions)])
    change_N = np.abs(behind.value_N[:0:-1] - alone_N)
    middle = (len(completions) + 1) // 2
    for part in (slice(0, middle), slice(middle, len(completions))):
        halved = judge.score([*prompts[part], prompts[0]], [*completions[part], long])
        change_N[part] = np.maximum(change_N[part], np.abs(halved.value_N[:-1] - alone_N[part]))
    return change_N, float(np.std(alone_N))


def _neighbour(judge: Judge, prompt: Prompt, longest: str) -> Completion:
    """A completion much longer than the longest, or as much longer as fits in the judge's context."""
    for times in LONGER:
        completion = Completion(prompt=prompt.id, text=" ".join([longest] * times))
        try:
            judge.score([prompt], [completion])
        except ModelError:  # too long for it: a shorter one is tried
            continue
        return completion
    return Completion(prompt=prompt.id, text="word")
