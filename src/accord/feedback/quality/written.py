"""How many written answers a machine may have written: shares of all, with intervals, and of nobody in particular.

Three things can be seen. The page may have counted what was pasted, and how many keys were pressed; the time may be too
short for anybody's typing. And where the ledger holds texts that models wrote and texts that people surely typed, a
classifier learns the difference; what it says of the rest is corrected by how often it errs on both:

    prevalence = (share called a machine's - false alarms) / (hits - false alarms)         Rogan & Gladen 1978

People paste their own drafts, and write as models do: no single answer is told apart by this.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.feedback.quality.unknown import NotAssessed

with deferred():
    from scipy.stats import norm

    from accord.stats import Estimate, rate

__all__ = ["WrittenAnswers", "WrittenTexts", "rogan_gladen", "surely_typed", "written_answers"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
FASTEST = 15.0  # characters a second; champions of typing reach it for minutes
TYPED = 0.8  # keys a character from which on a text was surely typed, where nothing was pasted
UNTYPED = 0.5  # keys a character below which most of it was not
LEAST = 30  # texts of either kind to learn from, and to judge
FOLDS = 5
FEATURES = 5000  # strings of up to three characters


@dataclass(frozen=True)
class WrittenTexts:
    """N demonstrations: who wrote each, what the page counted (NaN: it did not), and texts of models to compare."""

    texts: Sequence[str]
    evaluators: Sequence[str]
    pasted_N: Floats
    keystrokes_N: Floats
    seconds_N: Floats
    machine_texts: Sequence[str]


@dataclass(frozen=True)
class WrittenAnswers:
    """Shares of demonstrations. Clusters are people.

    pasted      something was pasted into it
    untyped     fewer keys than half its characters
    too_fast    more than 15 characters a second from handing out to sending
    prevalence  of those that nobody surely typed, written as a model writes
    """

    pasted: Estimate | NotAssessed
    untyped: Estimate | NotAssessed
    too_fast: Estimate | NotAssessed
    prevalence: Estimate | NotAssessed


def written_answers(written: WrittenTexts) -> WrittenAnswers | NotAssessed:
    """What can be seen of them; not assessed where nobody wrote a demonstration."""
    if not written.texts:
        return NotAssessed("nobody wrote an answer of their own (demonstrations)")
    characters_N = np.array([max(len(text), 1) for text in written.texts], dtype=np.float64)
    keys_N = written.keystrokes_N / characters_N
    speed_N = characters_N / np.maximum(written.seconds_N, 1e-3)
    return WrittenAnswers(
        _share(written.pasted_N > 0, np.isfinite(written.pasted_N), written, "the pages did not count pasting"),
        _share(keys_N < UNTYPED, np.isfinite(keys_N), written, "the pages did not count keys"),
        _share(speed_N > FASTEST, np.isfinite(speed_N), written, "no times were recorded"),
        _prevalence(written, surely_typed(written)),
    )


def surely_typed(written: WrittenTexts) -> Bools:
    """Which of them were surely typed [N]: a key for nearly every character, and nothing pasted."""
    characters_N = np.array([max(len(text), 1) for text in written.texts], dtype=np.float64)
    typed_N: Bools = (written.keystrokes_N / characters_N >= TYPED) & (written.pasted_N == 0)
    return typed_N


def _share(true_N: Bools, known_N: Bools, written: WrittenTexts, missing: str) -> Estimate | NotAssessed:
    if not known_N.any():
        return NotAssessed(missing)
    return rate(true_N[known_N], [written.evaluators[row] for row in np.flatnonzero(known_N).tolist()])


def _prevalence(written: WrittenTexts, typed_N: Bools) -> Estimate | NotAssessed:
    """By a classifier of characters, whose errors are counted on texts, and people, that it has not seen."""
    rows, rest = np.flatnonzero(typed_N).tolist(), np.flatnonzero(~typed_N).tolist()
    for name, count in (
        ("texts of models on record", len(written.machine_texts)),
        ("answers that people surely typed (a key for nearly every character, nothing pasted)", len(rows)),
        ("other answers", len(rest)),
    ):
        if count < LEAST:
            return NotAssessed(f"{LEAST} {name} are needed, there are {count}")
    people = [written.evaluators[row] for row in rows]
    if len(set(people)) < FOLDS:
        return NotAssessed(
            f"answers that {FOLDS} people surely typed are needed, there are those of {len(set(people))}"
        )
    human = [written.texts[row] for row in rows]
    untyped = [written.texts[row] for row in rest]
    called_human, called_machine, called_rest = _called(human, people, list(written.machine_texts), untyped)
    alarms, hits = rate(called_human, people), rate(called_machine, range(len(called_machine)))
    return rogan_gladen(rate(called_rest, [written.evaluators[row] for row in rest]), hits=hits, alarms=alarms)


def _called(human: list[str], people: list[str], machine: list[str], rest: list[str]) -> tuple[Bools, Bools, Bools]:
    """Which texts are called a machine's: of people and of models by fits without their fold, the rest by all."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = [*human, *machine]
    is_machine_N = np.arange(len(texts)) >= len(human)
    code = {name: place for place, name in enumerate(dict.fromkeys(people))}
    fold_N = np.array([*(code[name] % FOLDS for name in people), *(place % FOLDS for place in range(len(machine)))])
    counter = CountVectorizer(analyzer="char_wb", ngram_range=(1, 3), max_features=FEATURES)
    count_NV = counter.fit_transform(texts).tocsr()

    def fit(row_N: Bools) -> object:
        learner = LogisticRegression(class_weight="balanced", max_iter=300)
        return make_pipeline(TfidfTransformer(sublinear_tf=True), learner).fit(count_NV[row_N], is_machine_N[row_N])

    called_N = np.zeros(len(texts), dtype=np.bool_)
    for fold in range(FOLDS):
        test_N = fold_N == fold
        called_N[test_N] = fit(~test_N).predict(count_NV[test_N])  # type: ignore[attr-defined]
    called_rest: Bools = fit(np.ones(len(texts), dtype=np.bool_)).predict(counter.transform(rest))  # type: ignore[attr-defined]
    return called_N[~is_machine_N], called_N[is_machine_N], called_rest


def rogan_gladen(share: Estimate, *, hits: Estimate, alarms: Estimate) -> Estimate | NotAssessed:
    """The prevalence behind a share of positive tests, with the uncertainty of all three (Lang & Reiczigel 2014).

    `hits` is the share of positive tests where the thing is, `alarms` where it is not. The variance is by the delta
    method, each share's from the half width of its interval; the ends stay within 0..1. Not assessed where hits do not
    surely exceed alarms.
    """
    if None in (share.low, hits.low, alarms.high) or (hits.low or 0.0) <= (alarms.high or 1.0):
        return NotAssessed(f"a classifier cannot tell them apart (hits {hits}, false alarms {alarms})")
    gap = hits.value - alarms.value
    value = min(max((share.value - alarms.value) / gap, 0.0), 1.0)
    quantile = float(norm.ppf((1 + share.level) / 2))
    variance = [((one.high or 0.0) - (one.low or 0.0)) ** 2 / (2 * quantile) ** 2 for one in (share, alarms, hits)]
    error = math.sqrt(variance[0] + (1 - value) ** 2 * variance[1] + value**2 * variance[2]) / gap
    low, high = max(value - quantile * error, 0.0), min(value + quantile * error, 1.0)
    method = f"Rogan-Gladen; hits {hits.value:.2f}, false alarms {alarms.value:.2f}"
    return Estimate(value, low, high, share.n, share.clusters, share.level, method)
