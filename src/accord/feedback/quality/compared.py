"""Decided opinions with the prompts and texts that they are about."""

from collections.abc import Mapping

import numpy as np

from accord.feedback.quality.poisoning import MOST, Compared
from accord.feedback.statistics.preferences import Preferences
from accord.feedback.store.stored_records import several
from accord.records import Completion, Prompt

__all__ = ["compared_texts"]


def compared_texts(
    preferences: Preferences, completions: Mapping[str, Completion], prompts: Mapping[str, Prompt]
) -> Compared:
    """The decided opinions of `preferences`, of more than `MOST` a random choice: only their texts are read."""
    rows, names = np.flatnonzero(preferences.sign_N), preferences.completions
    is_chosen = rows.size > MOST
    if is_chosen:
        rows = rows[np.sort(np.random.default_rng(0).choice(rows.size, MOST, replace=False))]
    columns = (preferences.first_N, preferences.second_N, preferences.sign_N > 0)
    first_N, second_N, up_N = (column[rows] for column in columns)
    if is_chosen:
        used, code_2N = np.unique(np.stack([first_N, second_N]), return_inverse=True)
        first_N, second_N = code_2N.reshape(2, -1)
        names = [names[code] for code in used.tolist()]
    texts = several(completions, names)
    known = [texts.get(name) for name in names]
    place: dict[str, int] = {}
    prompt_C = np.array(
        [-1 if one is None else place.setdefault(one.prompt, len(place)) for one in known], dtype=np.int64
    )
    prompt_texts = several(prompts, place)
    return Compared(
        prompt_C[first_N],
        np.where(up_N, first_N, second_N),
        np.where(up_N, second_N, first_N),
        preferences.evaluator_N[rows],
        list(place),
        [prompt_texts[name].text if name in prompt_texts else "" for name in place],
        ["" if one is None else one.text for one in known],
        preferences.evaluators,
        names,
    )
