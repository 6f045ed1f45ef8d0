"""Words of prompts, and people, whose answers a model of all the others does not foresee.

A Bradley-Terry model whose reward is linear in the words of a text is fitted without a fifth of the prompts and
foretells these; it is made as sure as it is right. With p the probability of what was chosen and q = max(p, 1 - p), an
answer has the bounded residual [p > 1/2] - q: whether it is as the model foresees, less how sure the model is. Where a
rare word of the prompt (a trigger; Rando & Tramer 2023, arXiv 2311.14455), or a person, goes with answers turned round,
these residuals are lower than on the whole, which is what they are counted from.

Residuals are averaged over the answers to one prompt, which are not independent, and a word counts the prompts that
it stands in. How unlikely so low a mean is follows from the saddle point approximation for means of draws from all
residuals (Lugannani & Rice 1980): they are skewed, and the normal one would raise false alarms. What is named passes
the false discovery rate of Benjamini & Hochberg (1995). Nobody is accused: a word may mark a subject on which people
differ from their taste in everything else, and so may a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm, ttest_1samp

from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.quality.word_model import WORD, WordModel, calibration_of, foretold
from accord.stats import Estimate, mean, rate

__all__ = ["MOST", "Compared", "Poisoning", "Suspect", "suspected_poisoning"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
LEAST_PROMPTS = 5  # that a word stands in, or a person answered
LEAST_IN_ALL = 50
LEVEL = 0.05
MOST = 50_000  # comparisons looked at; of more, a random choice (`compared_texts`)
FOUR_OF_FIVE = float(norm.ppf(0.8))


@dataclass(frozen=True)
class Compared:
    """N decided comparisons: codes of the prompt, of both texts and of who chose; texts and names by code.

    `completions` holds the ids of the texts, where they are asked for.
    """

    prompt_N: Codes
    chosen_N: Codes
    rejected_N: Codes
    evaluator_N: Codes
    prompts: Sequence[str]
    prompt_texts: Sequence[str]
    texts: Sequence[str]
    evaluators: Sequence[str]
    completions: Sequence[str] = ()


@dataclass(frozen=True)
class Suspect:
    """A word (or two in a row), or a person's id: the mean residual over so many prompts, and how unlikely it is."""

    name: str
    residual: Estimate
    p: float
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Poisoning:
    """What was named of how many that were tested, and how well the model of words foretells (`accuracy`).

    `found_from` is the number of prompts from which on a word that turns all answers round would be named in four of
    five repetitions; None where no number of them would do.
    """

    comparisons: int
    accuracy: Estimate
    words_tested: int
    words: tuple[Suspect, ...]
    people_tested: int
    people: tuple[Suspect, ...]
    found_from: int | None = None


def suspected_poisoning(compared: Compared) -> Poisoning | NotAssessed:
    """Both families of tests; not assessed where there are fewer than 50 prompts, or words foretell nothing."""
    prompts = np.unique(compared.prompt_N)
    if prompts.size < LEAST_IN_ALL:
        return NotAssessed(f"comparisons on {LEAST_IN_ALL} prompts are needed, there are {prompts.size}")
    model = WordModel.of(compared.texts, compared.chosen_N, compared.rejected_N, compared.prompt_N)
    if model is None:
        return NotAssessed("the texts that were compared hold no words")
    margin_N = model.margins()
    slope = calibration_of(margin_N)
    answers = foretold(margin_N, slope)
    accuracy = rate(answers.right_N, compared.prompt_N.tolist())
    if accuracy.low is None or accuracy.low <= 0.5:
        return NotAssessed(f"the words of a text do not foretell what is preferred (accuracy {accuracy})")
    words, word_count = _words(compared, model, slope, answers.residual_N)
    people, person_count = _people(compared, answers.residual_N)
    found_from = _found_from(compared, answers.residual_N, 1 - answers.right_N - answers.sure_N, word_count)
    return Poisoning(compared.prompt_N.size, accuracy, word_count, words, person_count, people, found_from)


def _words(compared: Compared, model: WordModel, slope: float, residual_N: Floats) -> tuple[tuple[Suspect, ...], int]:
    """Words, and two in a row, of prompts; those in more than half of all prompts mark nothing rare.

    Whoever is named has to be named by a model too that knows no prompt with the word: else answers that are right for
    one prompt and wrong for all like it (numbers, names) look as if they were turned round.
    """
    prompts, place_N = np.unique(compared.prompt_N, return_inverse=True)
    residual_P = np.bincount(place_N, residual_N) / np.bincount(place_N)
    terms = _terms([compared.prompt_texts[prompt] for prompt in prompts.tolist()])
    if not terms:
        return (), 0
    names, rows_V = list(terms), list(terms.values())
    count_V = np.array([rows.size for rows in rows_V], dtype=np.float64)
    p_V = lower_tail(np.array([residual_P[rows].mean() for rows in rows_V]), count_V, residual_P)
    apart_by_rows: dict[bytes, Floats] = {}
    for place in np.flatnonzero(false_discovery_control(p_V) < LEVEL).tolist():
        rows = rows_V[place]
        if (key := rows.tobytes()) not in apart_by_rows:
            apart_P = np.bincount(place_N, _residuals_apart(model, slope, np.isin(place_N, rows)))
            apart_by_rows[key] = (apart_P / np.bincount(place_N))[rows]
        p_again = lower_tail(np.array([apart_by_rows[key].mean()]), count_V[[place]], residual_P)[0]
        p_V[place] = max(p_V[place], p_again)
    suspects = []
    for place in _passed(p_V):
        rows = rows_V[place]
        ids = tuple(compared.prompts[prompt] for prompt in prompts[rows].tolist())
        suspects.append(Suspect(names[place], mean(apart_by_rows[rows.tobytes()]), float(p_V[place]), ids))
    return tuple(suspects), len(terms)


def _residuals_apart(model: WordModel, slope: float, is_left_out_N: NDArray[np.bool_]) -> Floats:
    """The residuals of some comparisons by a model of all the others, [N]; 0 for the others."""
    residual_N = np.zeros(is_left_out_N.size)
    residual_N[is_left_out_N] = foretold(model.margins_of(is_left_out_N), slope).residual_N
    return residual_N


def _found_from(compared: Compared, residual_N: Floats, turned_N: Floats, tested: int) -> int | None:
    """The fewest prompts on which answers turned round are named in four of five, were nothing else to be named."""
    _, place_N = np.unique(compared.prompt_N, return_inverse=True)
    residual_P, turned_P = (np.bincount(place_N, value_N) / np.bincount(place_N) for value_N in (residual_N, turned_N))
    count_G = np.arange(LEAST_PROMPTS, max(LEAST_PROMPTS + 1, residual_P.size // 2 + 1), dtype=np.float64)
    mean_G = turned_P.mean() + FOUR_OF_FIVE * turned_P.std() / np.sqrt(count_G)
    found_G = lower_tail(mean_G, count_G, residual_P) * max(tested, 1) < LEVEL
    return int(count_G[found_G.argmax()]) if found_G.any() else None


def _terms(texts: Sequence[str]) -> dict[str, Codes]:
    """By term in order of the alphabet, in which of the texts it stands."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        words = WORD.findall(text.lower())
        for term in {*words, *(f"{first} {second}" for first, second in pairwise(words))}:
            places.setdefault(term, []).append(place)
    return {
        term: np.array(rows, dtype=np.int64)
        for term, rows in sorted(places.items())
        if LEAST_PROMPTS <= len(rows) <= len(texts) / 2
    }


def _people(compared: Compared, residual_N: Floats) -> tuple[tuple[Suspect, ...], int]:
    """People who answered on enough prompts; each prompt counts once for a person.

    Whoever is named has to be foreseen less than the others who answered the same prompts: else a kind of prompt that
    the model foresees wrongly would name all who judge it.
    """
    size = int(compared.prompt_N.max()) + 1
    cells, cell_N = np.unique(compared.evaluator_N * size + compared.prompt_N, return_inverse=True)
    residual_C = np.bincount(cell_N, residual_N) / np.bincount(cell_N)
    evaluator_C, prompt_C = cells // size, cells % size
    count_E = np.bincount(evaluator_C, minlength=len(compared.evaluators))
    tested = np.flatnonzero(count_E >= LEAST_PROMPTS)
    if not tested.size:
        return (), 0
    mean_E = np.bincount(evaluator_C, residual_C, len(compared.evaluators))[tested] / count_E[tested]
    p_E = lower_tail(mean_E, count_E[tested].astype(np.float64), residual_C)
    people_P, total_P = np.bincount(prompt_C), np.bincount(prompt_C, residual_C)
    others_C = people_P[prompt_C] - 1
    gap_C = residual_C - (total_P[prompt_C] - residual_C) / np.maximum(others_C, 1)
    for place in np.flatnonzero(false_discovery_control(p_E) < LEVEL).tolist():
        shared_C = (evaluator_C == tested[place]) & (others_C > 0)
        if shared_C.sum() >= LEAST_PROMPTS:
            p_E[place] = max(p_E[place], _p_below(gap_C[shared_C]))
    suspects = []
    for place in _passed(p_E):
        rows = np.flatnonzero(evaluator_C == tested[place])
        ids = tuple(compared.prompts[prompt] for prompt in prompt_C[rows].tolist())
        name = compared.evaluators[int(tested[place])]
        suspects.append(Suspect(name, mean(residual_C[rows]), float(p_E[place]), ids))
    return tuple(suspects), int(tested.size)


def _p_below(gap_M: Floats) -> float:
    """P(a mean so far below 0, were it 0), by Student's t."""
    if np.ptp(gap_M) < 1e-12:
        return 0.0 if gap_M[0] < -1e-12 else 1.0
    return float(ttest_1samp(gap_M, 0.0, alternative="less").pvalue)


def _passed(p_V: Floats) -> list[int]:
    """The places that pass the false discovery rate, least likely first."""
    passed_V = false_discovery_control(p_V) < LEVEL
    return [int(place) for place in np.argsort(p_V, kind="stable") if passed_V[place]]


def lower_tail(mean_V: Floats, count_V: Floats, value_N: Floats) -> Floats:
    """P(a mean of count draws from the values is so low), by the saddle point; 1 where it is not below their mean.

    K(s) = log mean exp(s value) is tabulated over s <= 0; the tail at x = K'(s) is Phi(w) + phi(w) (1 / w - 1 / u) with
    w = -sqrt(2 n (s x - K)) and u = s sqrt(n K''). Below all that the table reaches: the bound
    exp(n (K - s x)).
    """
    centre = float(value_N.mean())
    value_N, mean_V = value_N - centre, mean_V - centre
    scale = float(value_N.std())
    if scale == 0:
        return np.ones_like(mean_V)
    s_G = -np.geomspace(1e-3, 60.0, 400) / scale
    table_4G = np.concatenate([_cumulants(part_G, value_N) for part_G in np.array_split(s_G, 20)], axis=1)
    return _tail(mean_V, count_V, table_4G)


def _cumulants(s_G: Floats, value_N: Floats) -> Floats:
    """s, K, K' and K'' at each s, [4, G]."""
    weight_GN = np.exp(s_G[:, None] * (value_N - value_N.min()))
    total_G = weight_GN.mean(axis=1)
    log_G = np.log(total_G) + s_G * value_N.min()
    slope_G = (weight_GN @ value_N) / value_N.size / total_G
    curve_G = (weight_GN @ value_N**2) / value_N.size / total_G - slope_G**2
    return np.stack([s_G, log_G, slope_G, curve_G])


def _tail(mean_V: Floats, count_V: Floats, table_4G: Floats) -> Floats:
    """`lower_tail` of means of what has mean 0, from s, K, K' and K'' [4, G] in falling order of K'."""
    s_V, log_V, _, curve_V = (np.interp(-mean_V, -table_4G[2], row) for row in table_4G)
    w_V = -np.sqrt(np.maximum(2 * count_V * (s_V * mean_V - log_V), 1e-12))
    u_V = s_V * np.sqrt(np.maximum(count_V * curve_V, 1e-12))
    tail_V = norm.cdf(w_V) + norm.pdf(w_V) * (1 / w_V - 1 / u_V)
    bound_V = np.exp(np.minimum(count_V * (log_V - s_V * mean_V), 0.0))
    outside_V = mean_V < table_4G[2, -1]
    near_V = mean_V > table_4G[2, 0]
    return np.where(near_V, 1.0, np.clip(np.where(outside_V, bound_V, tail_V), 0.0, bound_V))
