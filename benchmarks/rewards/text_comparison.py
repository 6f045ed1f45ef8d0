"""A trained comparator beside the cosine of sentence vectors: how often each is right, by kind of attack.

Pairs are made by edits of gsm8k solutions and of the references of fine-grained RLHF. Three quarters of the sources
are learnt from, by three fifths of the edits; what is measured are the other sources, by edits that were learnt from
and by those that were not. The cosine's bar is chosen on the pairs that were learnt from. Beside that, what nobody
edited: solutions of four models that are right or wrong, each compared with the stated one, as areas under the curve;
with BLEU and ROUGE-L, which are rewards too. The comparator stays under runs/, so that texts written after it was
trained can be held against it (`hand_written`).
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu

from accord.lm.encoder import PACKAGED, load_encoder
from accord.reward.comparator.comparing import Comparator, Cosine, TrainedComparator, encoded
from accord.reward.comparator.edits import EDITS
from accord.reward.comparator.fitting import fit_step
from accord.reward.comparator.pairs import TextPair, make_pairs, without_calculations
from accord.stats import mean, rate
from accord.train import Optim, Optimiser, Passes, seed_of
from accord.train.seeds import seeded
from benchmarks.rewards._auroc import auroc_table

KEPT = Path(__file__).parents[2] / "runs" / "benchmarks"
Floats = NDArray[np.float64]


def measure(data: Path, seeds: range, *, pairs: int = 2400, epochs: int = 4, tested: int = 500) -> dict[str, Any]:
    """Shares by kind of attack, of the trained comparator and the cosine, and the areas on unedited solutions."""
    found: dict[str, Any] = {"pairs": pairs, "epochs": epochs}
    for seed in seeds:
        learnt, unseen, rows = _texts(data, seed)
        by = [edit for edit in EDITS if not edit.held_out]
        drawn = {
            "trained": make_pairs(learnt, pairs, seed=seed, edits=by),
            "edits learnt from": make_pairs(unseen, tested, seed=seed + 1, edits=by),
            "edits held out": make_pairs(
                unseen, tested, seed=seed + 2, edits=[edit for edit in EDITS if edit.held_out]
            ),
        }
        comparator = train(drawn["trained"], epochs=epochs, seed=seed)
        comparator.save(_folder(seed))
        cosine = Cosine(comparator.encoder)
        print("trained", file=sys.stderr)
        bars = _bars(cosine, drawn["trained"])
        found[f"seed {seed}"] = {
            name: compared(some, comparator, cosine, bars) for name, some in drawn.items() if name != "trained"
        } | {"solutions that nobody edited": _solutions(rows, comparator, cosine), "bars of the cosine": bars}
    return found


def train(pairs: Sequence[TextPair], *, epochs: int, seed: int) -> TrainedComparator:
    """A comparator on the packaged encoder, under the defaults of the reward `text_comparison`."""
    comparator = TrainedComparator.fresh(load_encoder(PACKAGED), hidden=128, seed=seed)
    read = encoded(
        comparator.encoder, [text for pair in pairs for text in (pair.text, pair.reference)], comparator.layers
    )
    steps = -(-epochs * len(pairs) // 32)
    optimiser = Optimiser(Optim(lr=1e-3), list(comparator.head.parameters()), steps)
    passes = Passes([[pair] for pair in pairs], seed, "pairs")
    for step in range(1, steps + 1):
        with seeded(seed_of(seed, "global", step)):
            metrics = fit_step(comparator.head, read, passes.step(step, 32, epochs * len(pairs)), optimiser, step)
        if step % 50 == 0:
            print(step, steps, round(metrics.loss, 3), file=sys.stderr, flush=True)
    return comparator


def compared(
    pairs: Sequence[TextPair], comparator: Comparator, cosine: Comparator, bars: Mapping[str, float]
) -> dict[str, Any]:
    """Shares of right answers to both questions, by kind of attack, and what the comparator is above the cosine."""
    texts, references = [pair.text for pair in pairs], [pair.reference for pair in pairs]
    by_head, by_cosine = comparator.compare(texts, references), cosine.compare(texts, references)
    right = {
        "same": (
            _right(by_head.same_N > 0.5, [pair.same for pair in pairs]),
            _right(by_cosine.same_N > bars["same"], [pair.same for pair in pairs]),
        ),
        "extra": (
            _right(by_head.extra_N > 0.5, [pair.extra for pair in pairs]),
            _right(by_cosine.extra_N > bars["extra"], [pair.extra for pair in pairs]),
        ),
    }
    sources = [pair.source for pair in pairs]
    table: dict[str, Any] = {}
    for question, (trained_N, cosine_N) in right.items():
        rows = {"all": np.ones(len(pairs), dtype=bool)}
        rows |= {
            kind: np.array([pair.kind == kind for pair in pairs]) for kind in sorted({pair.kind for pair in pairs})
        }
        table[question] = {
            kind: {
                "n": int(of_N.sum()),
                "comparator": _estimate(rate, trained_N[of_N], sources, of_N),
                "cosine": _estimate(rate, cosine_N[of_N], sources, of_N),
                "above": _estimate(mean, trained_N[of_N] - cosine_N[of_N], sources, of_N),
            }
            for kind, of_N in rows.items()
        }
    return table


def _texts(data: Path, seed: int) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """Texts to learn from, texts of other sources, and the rows of gsm8k that those come from."""
    rows = [json.loads(line) for line in (data / "gsm8k/example_model_solutions.jsonl").read_text().splitlines()]
    golds = [row["gold"] for row in json.loads((data / "finegrained_rlhf/dev_feedback.json").read_text())]
    order = np.random.default_rng(seed).permutation(len(rows))
    share = len(rows) // 4
    unseen = [rows[i] for i in order[:share]]
    learnt = [rows[i]["ground_truth"] for i in order[share:]]
    places = np.random.default_rng(seed + 1).permutation(len(golds))
    share = len(golds) // 4
    learnt += [golds[i] for i in places[share:]]
    return learnt, [row["ground_truth"] for row in unseen] + [golds[i] for i in places[:share]], unseen


def _bars(cosine: Comparator, pairs: Sequence[TextPair]) -> dict[str, float]:
    """Above which value the cosine says yes: where it is right most often on these pairs."""
    made = cosine.compare([pair.text for pair in pairs], [pair.reference for pair in pairs])
    bars = {}
    for question, value_N in (("same", made.same_N), ("extra", made.extra_N)):
        truth = [getattr(pair, question) for pair in pairs]
        candidates = np.unique(np.quantile(value_N, np.linspace(0, 1, 201)))
        bars[question] = float(max(candidates, key=lambda bar: _right(value_N > bar, truth).mean()))
    return bars


def _solutions(rows: Sequence[Mapping[str, Any]], comparator: Comparator, cosine: Comparator) -> dict[str, Any]:
    """Right solutions against wrong ones, each beside the stated one, for the scores of each reward."""
    names = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    solved = [(row, row[name]) for row in rows[:120] for name in names]
    texts = [without_calculations(made["solution"]) for _, made in solved]
    references = [without_calculations(row["ground_truth"]) for row, _ in solved]
    by_head, by_cosine = comparator.compare(texts, references), cosine.compare(texts, references)
    scorer = RougeScorer(["rougeL"])
    overlap = [
        scorer.score(reference, text)["rougeL"].fmeasure for text, reference in zip(texts, references, strict=True)
    ]
    bleu = [sentence_bleu(text, [reference]).score for text, reference in zip(texts, references, strict=True)]
    values = {
        "cosine": by_cosine.same_N,
        "same": by_head.same_N,
        "same - extra": by_head.same_N - by_head.extra_N,
        "ROUGE-L": np.array(overlap),
        "BLEU": np.array(bleu),
        "shortness": -np.array([float(len(text)) for text in texts]),
    }
    right_N = np.array([made["is_correct"] for _, made in solved])
    return auroc_table(values, right_N, [row["question"] for row, _ in solved], beside="cosine")


def _right(answer_N: NDArray[np.bool_], truth: Sequence[bool]) -> Floats:
    return (answer_N == np.array(truth)).astype(np.float64)


def _estimate(of: Callable[..., Any], value_n: Floats, sources: Sequence[int], of_N: NDArray[np.bool_]) -> list[Any]:
    """A value with the ends of its interval over sources."""
    clusters = [source for source, inside in zip(sources, of_N, strict=True) if inside]
    estimate = of(value_n, clusters)
    ends = [None if end is None else round(end, 3) for end in (estimate.low, estimate.high)]
    return [round(estimate.value, 3), *ends]


def _folder(seed: int) -> Path:
    folder = KEPT / f"text_comparison-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
