"""How far the accuracy holds away from what was learnt from: prompts of one kind or another, texts of one or another.

Where held-out prompts come from sources of which nothing was learnt, these are the far ones; else the half of the
prompts whose words are least like any prompt learnt from (cosine of TF-IDF with the nearest). So are texts: by writers
of whom nothing was learnt, else by their words.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import ShiftMeasure
from accord.feedback import Dataset
from accord.records import Pair
from accord.reward.card.breakdown import part
from accord.reward.card.word_baseline import WORD
from accord.train.seeds import seed_of

__all__ = ["by_shift", "nearness"]

REFERENCES = 2000  # texts learnt from that others are held against, at most


def by_shift(values: Mapping[str, float], data: Dataset, *, fitted_on: str, split: str) -> tuple[ShiftMeasure, ...]:
    """The accuracy in each cell of the grid; where an axis cannot be made, one row that says why not."""
    pairs = [pair for pair in data.pairs.get(split, ()) if not pair.tie]
    taught = data.pairs.get(fitted_on, ())
    if not pairs or not taught:
        return ()
    prompt_axis = _axis(
        [_sources(data, pair) for pair in pairs],
        [_sources(data, pair) for pair in taught],
        "sources",
        [data.prompts[pair.prompt].text for pair in pairs],
        [data.prompts[pair.prompt].text for pair in taught],
        "prompts",
    )
    text_axis = _axis(
        [_writers(data, pair) for pair in pairs],
        [_writers(data, pair) for pair in taught],
        "writers",
        [_texts(data, pair) for pair in pairs],
        [_texts(data, pair) for pair in taught],
        "texts",
    )
    return tuple(_cells(values, data, pairs, prompt_axis, text_axis))


def _cells(
    values: Mapping[str, float], data: Dataset, pairs: Sequence[Pair], prompts: Sequence[str], texts: Sequence[str]
) -> list[ShiftMeasure]:
    rows = []
    for of_prompt in dict.fromkeys(prompts):
        for of_text in dict.fromkeys(texts):
            cell = [
                pair
                for pair, one, other in zip(pairs, prompts, texts, strict=True)
                if (one, other) == (of_prompt, of_text)
            ]
            row = part(of_prompt, values, cell, data)
            rows.append(ShiftMeasure(prompts=of_prompt, responses=of_text, estimate=row.estimate, note=row.note))
    return rows


def _axis(
    names: Sequence[tuple[str, ...] | None],
    names_learnt: Sequence[tuple[str, ...] | None],
    what: str,
    texts: Sequence[str],
    texts_learnt: Sequence[str],
    kind: str,
) -> list[str]:
    """For each pair on which side of an axis it is: by name where some are new and all are known, by words else."""
    known = {name for each in names_learnt for name in each or ()}
    new = [each is not None and any(name not in known for name in each) for each in names]
    if None not in names and None not in names_learnt and any(new) and not all(new):
        return [f"new {what}" if each else f"known {what}" for each in new]
    near_P = nearness(texts, texts_learnt)
    if near_P is None or np.ptp(near_P) < 1e-9:
        return [f"all {kind}, equally near"] * len(texts)
    middle = float(np.median(near_P))
    far_P = near_P < middle if (near_P < middle).any() else near_P <= middle
    return [f"{'far' if far else 'near'} {kind}" for far in far_P]


def nearness(texts: Sequence[str], learnt: Sequence[str]) -> NDArray[np.float64] | None:
    """The cosine of each text with the nearest of those learnt from, TF-IDF of words; None where these have none."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    references = sorted(set(learnt), key=lambda text: seed_of("shift", text))[:REFERENCES]
    vectorizer = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True)
    if not any(map(vectorizer.build_tokenizer(), references)):
        return None
    learnt_RV = vectorizer.fit_transform(references)
    place = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    near_U = np.concatenate(
        [
            (vectorizer.transform(block) @ learnt_RV.T).max(axis=1).toarray().ravel()
            for block in (list(place)[start : start + 1000] for start in range(0, len(place), 1000))
        ]
    )
    found: NDArray[np.float64] = near_U[[place[text] for text in texts]]
    return found


def _sources(data: Dataset, pair: Pair) -> tuple[str, ...] | None:
    source = data.prompts[pair.prompt].source
    return None if source is None else (source,)


def _writers(data: Dataset, pair: Pair) -> tuple[str, ...] | None:
    writers = [data.completions[name].writer for name in (pair.chosen, pair.rejected)]
    return None if None in writers else tuple(str(writer) for writer in writers)


def _texts(data: Dataset, pair: Pair) -> str:
    """Both texts, in an order that does not say which was preferred."""
    return "\n".join(data.completions[name].text for name in sorted((pair.chosen, pair.rejected)))
