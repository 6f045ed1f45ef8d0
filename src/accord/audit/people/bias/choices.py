"""Decided pairs of people as what a logit of their choices reads: differences in quality and in features."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.evidence import SCORES, Evidence
from accord.audit.people.bias.terms import Axis
from accord.errors import MissingEvidence
from accord.feedback.provenance import is_known
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Pair

__all__ = ["Choices", "choices_of", "weights_of_pairs"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
LENGTH = "length"


@dataclass(frozen=True)
class Choices:
    """N decided pairs of E people: the chosen text less the rejected one.

    difference_NK  quality first, in standard deviations, then a feature each: words more, or deviations of length
    names_K        `quality` and the features
    person_N       whose, a place in `people`      prompt_N   of which prompt
    weight_N       what a pair counts: those of one rating of k texts hold k - 1 independent ones
    """

    difference_NK: Floats
    names_K: tuple[str, ...]
    people: tuple[str, ...]
    person_N: Codes
    prompt_N: tuple[str, ...]
    weight_N: Floats
    judge: str

    def of_person(self, place: int) -> NDArray[np.intp]:
        """The rows of one of them."""
        return np.flatnonzero(self.person_N == place)


def choices_of(evidence: Evidence, axes: Sequence[Axis]) -> Choices:
    """Held-out pairs of known people whose texts a judge has scored. Raises `MissingEvidence` where there are none."""
    judge = next((name for name in ("eval_reward", "reward") if evidence.holds(SCORES.replace("reward", name))), None)
    if judge is None:
        raise MissingEvidence("scores of the held-out completions by a judge")
    columns = _columns(evidence, axes, {row.completion: row.score for row in evidence.scores(judge)})
    people = {name for name, one in evidence.evaluators.items() if counts_as_person(one) and is_known(one)}
    all_pairs = [pair for pair in evidence.pairs("held_out") if pair.evaluator in people]
    weights = weights_of_pairs(all_pairs)
    rows = [
        (pair, weight)
        for pair, weight in zip(all_pairs, weights, strict=True)
        if not pair.tie and {pair.chosen, pair.rejected} <= columns.keys()
    ]
    if not rows:
        raise MissingEvidence("decided held-out pairs of evaluators that are known one by one, with scored texts")
    names = list(dict.fromkeys(str(pair.evaluator) for pair, _ in rows))
    place = {name: number for number, name in enumerate(names)}
    return Choices(
        np.array([columns[pair.chosen] - columns[pair.rejected] for pair, _ in rows]),
        ("quality", *(axis.name for axis in axes), LENGTH),
        tuple(names),
        np.array([place[str(pair.evaluator)] for pair, _ in rows], dtype=np.intp),
        tuple(pair.prompt for pair, _ in rows),
        np.array([weight for _, weight in rows]),
        judge,
    )


def weights_of_pairs(pairs: Sequence[Pair]) -> list[float]:
    """What each pair counts: 1, and 2 / k of those that follow from one person's ratings of k texts of a prompt."""
    rated: dict[tuple[str | None, str], set[str]] = {}
    for pair in pairs:
        if len(pair.feedback_ids) > 1:
            rated.setdefault((pair.evaluator, pair.prompt), set()).update((pair.chosen, pair.rejected))
    count: Mapping[tuple[str | None, str], int] = Counter({key: len(texts) for key, texts in rated.items()})
    return [2 / count[pair.evaluator, pair.prompt] if len(pair.feedback_ids) > 1 else 1.0 for pair in pairs]


def _columns(evidence: Evidence, axes: Sequence[Axis], score: Mapping[str, float]) -> dict[str, Floats]:
    """By scored completion: quality and length in standard deviations, words of each axis as they are counted."""
    texts = {name: evidence.completions[name].text for name in score if name in evidence.completions}
    if not texts:
        raise MissingEvidence("texts of the held-out completions that were scored")
    quality_N = _standard([score[name] for name in texts])
    length_N = _standard([float(len(text)) for text in texts.values()])
    words = [[float(axis.balance(text)) for axis in axes] for text in texts.values()]
    return {
        name: np.array([quality, *of_axes, length])
        for name, quality, of_axes, length in zip(texts, quality_N, words, length_N, strict=True)
    }


def _standard(values: Sequence[float]) -> list[float]:
    value_N = np.asarray(values, dtype=np.float64)
    spread = float(value_N.std())
    standard: list[float] = ((value_N - value_N.mean()) / (spread or 1.0)).tolist()
    return standard
