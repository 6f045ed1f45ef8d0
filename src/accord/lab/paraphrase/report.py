"""What is concluded: the numbers of the marks, a table."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.lab.cell import CellResult
from accord.lab.paraphrase.cells import METRICS
from accord.lab.paraphrase.learning import LEARNERS, START
from accord.lab.paraphrase.points import LearningPoint, MetricPoint, Point
from accord.stats import Estimate, jackknife, mean

__all__ = ["NAMES", "Results", "conclude", "of_learner", "of_metric", "table"]

Floats = NDArray[np.float64]
Results = Sequence[CellResult[Point]]
NAMES = ("learnt", "BLEU", "BLEU, 4 references", "ROUGE-L", "ROUGE-L, 4 references")


def of_learner(results: Results, learner: str, field: str) -> Floats:
    """A number of each seed, [S]; empty where that was not measured."""
    found = [
        getattr(point, field)
        for cell in results
        for point in cell.measurements
        if isinstance(point, LearningPoint) and point.learner == learner
    ]
    return np.array([value for value in found if value is not None], dtype=np.float64)


def of_metric(results: Results, arm: str, metric: str, field: str) -> Floats:
    """A number of each seed, [S]."""
    return np.array(
        [
            getattr(point, field)
            for cell in results
            if cell.arm == arm
            for point in cell.measurements
            if isinstance(point, MetricPoint) and point.metric == metric
        ]
    )


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about."""
    estimates = {f"unseen:{learner}": mean(of_learner(results, learner, "unseen")) for learner in _with_unseen()}
    estimates |= {f"falling:{learner}": mean(of_learner(results, learner, "falling")) for learner in _with_unseen()}
    sft_S = of_learner(results, "sft 1", "unseen")
    for learner in ("preferred reference", "preferred texts", "rl"):
        estimates[f"more-unseen:{learner}"] = mean(of_learner(results, learner, "unseen") - sft_S)
    start_S = of_learner(results, START, "paraphrases")
    for learner in LEARNERS:
        estimates[f"kept:{learner}"] = _ratio(of_learner(results, learner, "paraphrases"), start_S)
    estimates["all-references"] = mean(of_learner(results, "sft 8", "paraphrases"))
    return {**estimates, **_metrics(results)}


def _with_unseen() -> list[str]:
    return [learner for learner in LEARNERS if learner != "sft 8"]


def _metrics(results: Results) -> dict[str, Estimate]:
    main, same = METRICS
    estimates = {f"auc:{name}": mean(of_metric(results, main, name, "auc")) for name in NAMES}
    estimates |= {f"same-words:{name}": mean(of_metric(results, same, name, "auc")) for name in NAMES}
    for name in NAMES[1:]:
        for field in ("auc", "spearman", "best_of"):
            learnt_S, other_S = (of_metric(results, main, each, field) for each in (NAMES[0], name))
            estimates[f"{field}-ahead:{name}"] = mean(learnt_S - other_S)
    return estimates


def _ratio(above_S: Floats, below_S: Floats) -> Estimate:
    return jackknife(lambda rows: float(above_S[rows].mean() / below_S[rows].mean()), len(above_S))


def table(results: Results) -> str:
    """Markdown: a row for each way of learning, then for each metric, means over seeds with intervals."""
    rows = [
        "| learnt from | right answers that fall at first | their first change, over its size | "
        "probability of the right meaning | change of unseen right answers, nats | "
        "effective number of right answers | steps |",
        "|---" * 7 + "|",
    ]
    numbers = ("falling", "first_unseen", "right", "unseen", "paraphrases", "steps")
    for learner in (START, *LEARNERS):
        rows.append(_row(learner, *(_text(of_learner(results, learner, field)) for field in numbers)))
    rows += ["", "| sentences | metric | AUC of right | Spearman with the wrong words | best of 16 is right |"]
    rows.append("|---" * 5 + "|")
    for arm in METRICS:
        for name in NAMES:
            fields = ("auc", "spearman", "best_of")
            rows.append(_row(arm, name, *(_text(of_metric(results, arm, name, field)) for field in fields)))
    return "\n".join(rows)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value_S: Floats) -> str:
    if not len(value_S):
        return ""
    estimate = mean(value_S)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
