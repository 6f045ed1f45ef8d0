"""A judge that is asked about each text once, however many checks want to know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt

__all__ = ["ScoredOnce"]


class ScoredOnce:
    """A `Judge` that gives what another one said, and asks it what has not been asked yet.

    A score depends on nothing else in a call (`Judge`), so that the one that was given is the one that would be given.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._said: list[Scores] = []
        self._place: dict[tuple[str, str], tuple[int, int]] = {}

    @property
    def name(self) -> str:
        """The judge's."""
        return self._judge.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The judge's scores. What it raises is raised, and of that call nothing is kept."""
        if not completions:
            return self._judge.score(prompts, completions)
        keys = [(prompt.id, completion.id) for prompt, completion in zip(prompts, completions, strict=True)]
        unasked = {key: place for place, key in enumerate(keys) if key not in self._place}
        if unasked:
            places = list(unasked.values())
            said = self._judge.score([prompts[place] for place in places], [completions[place] for place in places])
            self._place |= {key: (len(self._said), row) for row, key in enumerate(unasked)}
            self._said.append(said)
        at = [self._place[key] for key in keys]
        calls = sorted({call for call, _ in at})
        sizes = [len(self._said[call].value_N) for call in calls]
        start = dict(zip(calls, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        return _rows([self._said[call] for call in calls], np.array([start[call] + row for call, row in at]))


def _rows(parts: Sequence[Scores], row_N: NDArray[np.int64]) -> Scores:
    """Rows of some scores, one after the other; of what a call had not, nothing."""
    first = parts[0]
    names = [name for name in first.components if all(name in part.components for part in parts)]
    credits = [part.credits for part in parts if part.credits is not None]
    earned = [row for each in credits for row in each]
    return Scores(
        np.concatenate([part.value_N for part in parts])[row_N],
        std_N=_taken([part.std_N for part in parts], row_N),
        members_NS=_taken([part.members_NS for part in parts], row_N),
        components={name: _rows([part.components[name] for part in parts], row_N) for name in names},
        credits=tuple(earned[row] for row in row_N.tolist()) if len(credits) == len(parts) else None,
        scale=first.scale,
        tokens_N=_taken([part.tokens_N for part in parts], row_N),
    )


def _taken(arrays: Sequence[NDArray[Any] | None], row_N: NDArray[np.int64]) -> NDArray[Any] | None:
    known = [array for array in arrays if array is not None]
    return np.concatenate(known)[row_N] if len(known) == len(arrays) else None
