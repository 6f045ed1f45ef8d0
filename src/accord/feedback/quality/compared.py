"""Decided opinions with the prompts and texts that they are about."""

from collections.abc import Mapping

import numpy as np

from accord.feedback.quality.poisoning import Compared
from accord.feedback.statistics.preferences import Preferences

__all__ = ["compared_texts"]


def compared_texts(
    preferences: Preferences, texts: Mapping[str, tuple[str, str]], prompt_texts: Mapping[str, str]
) -> Compared:
    """The decided opinions of `preferences`; `texts` holds the prompt's id and the text of each completion by id."""
    decided_N = preferences.sign_N != 0
    first_N, second_N, up_N = (
        column[decided_N] for column in (preferences.first_N, preferences.second_N, preferences.sign_N > 0)
    )
    known = [texts.get(name) for name in preferences.completions]
    place: dict[str, int] = {}
    prompt_C = np.array([-1 if one is None else place.setdefault(one[0], len(place)) for one in known], dtype=np.int64)
    return Compared(
        prompt_C[first_N],
        np.where(up_N, first_N, second_N),
        np.where(up_N, second_N, first_N),
        preferences.evaluator_N[decided_N],
        list(place),
        [prompt_texts.get(name, "") for name in place],
        ["" if one is None else one[1] for one in known],
        preferences.evaluators,
        preferences.completions,
    )
