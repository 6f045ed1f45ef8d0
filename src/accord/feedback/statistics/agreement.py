"""How far people agree: on the order of two completions, and in their ratings as a whole.

The first is the ceiling for any judge that has one opinion for everybody.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import evalica
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from accord.feedback.statistics.preferences import collect_preferences, feedback_of_known, session_of
from accord.feedback.store.ledger import Ledger
from accord.records import Evaluator, Feedback, Rating
from accord.stats import Estimate, mean

__all__ = ["krippendorff_alpha", "pair_agreement"]

Floats = NDArray[np.float64]


def pair_agreement(
    source: Ledger | Iterable[Feedback],
    *,
    prompts: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    upto: int | None = None,
    evaluators: Mapping[str, Evaluator] | None = None,
    seed: int = 0,
) -> Estimate | None:
    """How often two raters who both put two completions in an order put them in the same one.

    Over all pairs of completions that two known raters ordered by rating, ranking or comparing them; whoever saw a
    tie does not count for that pair. With u raters for one order and d for the other, C(u,2) + C(d,2) of C(u+d,2)
    pairs of raters agree. `n` counts pairs of raters, each time. The interval resamples sessions (the session of a
    pair of completions is that in which it was judged first).

    `prompts` and `sessions` restrict what is looked at; `upto` is the last row read of a ledger.
    None where no two known raters ordered the same two completions.
    """
    preferences = collect_preferences(
        feedback_of_known(source, evaluators, upto=upto, prompts=prompts, sessions=sessions)
    )
    if preferences.first_N.size == 0:
        return None
    key_N = preferences.first_N * len(preferences.completions) + preferences.second_N
    _, start_P, pair_N = np.unique(key_N, return_index=True, return_inverse=True)
    up_P = np.bincount(pair_N, preferences.sign_N > 0, start_P.size)
    down_P = np.bincount(pair_N, preferences.sign_N < 0, start_P.size)
    session_P = preferences.session_N[start_P]
    all_C = np.bincount(session_P, (up_P + down_P) * (up_P + down_P - 1) / 2)
    same_C = np.bincount(session_P, (up_P * (up_P - 1) + down_P * (down_P - 1)) / 2)
    used = np.flatnonzero(all_C)
    if used.size == 0:
        return None
    rate = mean(same_C[used] / all_C[used], used.tolist(), weights=all_C[used], seed=seed)
    return replace(rate, n=int(all_C.sum()))


def krippendorff_alpha(
    source: Ledger | Iterable[Feedback],
    *,
    prompts: Collection[str] | None = None,
    sessions: Collection[str] | None = None,
    upto: int | None = None,
    evaluators: Mapping[str, Evaluator] | None = None,
    seed: int = 0,
    resamples: int = 2000,
) -> Estimate | None:
    """Krippendorff's alpha of ratings by known raters, with the interval metric (Krippendorff 2018, chapter 12).

    Units are completions; 1 is perfect agreement, 0 what chance gives. The interval resamples whole sessions, over
    which the sums behind alpha add up. `n` counts the ratings of completions that at least two people rated, each
    person's first. Scales are taken as they are: mix none.

    None where no completion was rated twice, or all ratings are equal.
    """
    units: dict[tuple[str, str], list[float]] = {}
    for record in feedback_of_known(source, evaluators, upto=upto, prompts=prompts, sessions=sessions):
        if isinstance(record.judgement, Rating) and record.repeat_of is None:
            units.setdefault((session_of(record), record.completions[0]), []).append(record.judgement.value)
    units = {unit: values for unit, values in units.items() if len(values) > 1}
    if len({value for values in units.values() for value in values}) < 2:
        return None
    sums_CS = _sums([session for session, _ in units], list(units.values()))
    clusters = len(sums_CS)
    low = high = None
    if clusters > 1:
        chance = np.full(clusters, 1 / clusters)
        draws_RC = np.random.default_rng(seed).multinomial(clusters, chance, size=resamples)
        alpha_R = _alpha(draws_RC @ sums_CS)
        low, high = (float(bound) for bound in np.nanquantile(alpha_R, [0.025, 0.975]))
    value = float(evalica.alpha(_frame(list(units.values())), distance="interval").alpha)
    return Estimate(value, low, high, int(sums_CS[:, 0].sum()), clusters, method="cluster bootstrap")


def _frame(units: Sequence[Sequence[float]]) -> pd.DataFrame:
    """Units as columns. Alpha does not ask who gave a rating, so each column is filled from the top."""
    values = np.full((max(map(len, units)), len(units)), np.nan)
    for column, ratings in enumerate(units):
        values[: len(ratings), column] = ratings
    return pd.DataFrame(values)


def _sums(sessions: Sequence[str], units: Sequence[Sequence[float]]) -> Floats:
    """[C, 4]: by session, the sums over its units of m, sum v, sum v^2, and m/(m-1) (sum v^2 - (sum v)^2/m)."""
    codes: dict[str, int] = {}
    code_U = [codes.setdefault(session, len(codes)) for session in sessions]
    sums_CS = np.zeros((len(codes), 4))
    for code, ratings in zip(code_U, units, strict=True):
        value_M = np.asarray(ratings)
        m, total, square = value_M.size, float(value_M.sum()), float((value_M**2).sum())
        sums_CS[code] += (m, total, square, m / (m - 1) * (square - total**2 / m))
    return sums_CS


def _alpha(sums_RS: Floats) -> Floats:
    """1 - D_o/D_e, where D_o = 2/n sum of the last column and D_e = 2/(n(n-1)) (n sum v^2 - (sum v)^2)."""
    n, total, square, within = sums_RS.T
    expected = (n * square - total**2) / (n * (n - 1))
    return np.where(expected > 0, 1 - within / n / np.where(expected > 0, expected, 1), np.nan)
