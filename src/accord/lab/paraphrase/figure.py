"""The picture: what learning does to wordings that were not shown, and metrics beside the truth."""

from typing import TYPE_CHECKING

import numpy as np

from accord.lab.paraphrase.cells import METRICS
from accord.lab.paraphrase.learning import LEARNERS, START
from accord.lab.paraphrase.report import NAMES, Results, of_learner, of_metric
from accord.lab.paraphrase.world import PARAPHRASES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

COLOURS = dict(zip(LEARNERS, ("#a63603", "#fdae6b", "#e6550d", "#4292c6", "#084594"), strict=True))


def figure(results: Results) -> "Figure":
    """Unseen right answers, how many wordings are left, and the AUC of metrics: a point a seed."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(12.6, 3.8), layout="constrained")
    left, middle, right = canvas.subplots(1, 3)
    _unseen(left, results)
    _wordings(middle, results)
    _metrics(right, results)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return canvas


def _unseen(axes: "Axes", results: Results) -> None:
    shown = [learner for learner in LEARNERS if learner != "sft 8"]
    for place, learner in enumerate(shown):
        change_S = of_learner(results, learner, "unseen")
        axes.plot(change_S, np.full(len(change_S), place), "o", color=COLOURS[learner], alpha=0.5)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(shown)), shown)
    axes.invert_yaxis()
    axes.set(title="right answers that were not shown", xlabel="change of log-probability, nats")


def _wordings(axes: "Axes", results: Results) -> None:
    shown = [START, *LEARNERS]
    for place, learner in enumerate(shown):
        number_S = of_learner(results, learner, "paraphrases")
        axes.plot(number_S, np.full(len(number_S), place), "o", color=COLOURS.get(learner, "grey"), alpha=0.5)
    axes.set_yticks(range(len(shown)), shown)
    axes.invert_yaxis()
    axes.set(title="at a probability of .8 of the right meaning", xlabel="effective number of wordings, of eight")
    axes.set_xlim(0.8, PARAPHRASES + 0.2)


def _metrics(axes: "Axes", results: Results) -> None:
    for arm, colour, shift in zip(METRICS, ("#084594", "#bdbdbd"), (-0.12, 0.12), strict=True):
        for place, name in enumerate(NAMES):
            auc_S = of_metric(results, arm, name, "auc")
            axes.plot(auc_S, np.full(len(auc_S), place + shift), "o", color=colour, alpha=0.5)
        axes.plot([], [], "o", color=colour, label="with synonyms" if arm == METRICS[0] else "the reference's words")
    axes.axvline(0.5, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.invert_yaxis()
    axes.set(title="telling right answers from wrong ones", xlabel="AUC", xlim=(0.45, 1.02))
    axes.legend(frameon=False, fontsize=8, loc="center right", bbox_to_anchor=(0.98, 0.62))
