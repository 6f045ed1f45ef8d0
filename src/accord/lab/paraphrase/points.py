"""What is measured."""

from accord.lab.cell import Measurement

__all__ = ["LearningPoint", "MetricPoint", "Point"]


class LearningPoint(Measurement):
    """What a way of learning does to answers that are right and were not among the references.

    learner         `sft 1` learns one reference a prompt, `sft 8` all eight; `preferred reference` prefers the one to
                    wrong texts of the start; `preferred texts` learns what people prefer of the start's own texts;
                    `rl` is rewarded for the meaning; `start` has learnt nothing
    falling         share of unseen right answers whose log-probability falls with the first small step
    first_unseen    mean change of unseen right answers' log-probability with that step, over the mean size of the
                    change of all right ones
    right           probability of the right meaning when it was stopped
    unseen          change of the log-probability of unseen right answers by then, nats, mean; none where all were seen
    paraphrases     the effective number of right answers: exp of the entropy among them
    steps           until it was stopped
    """

    learner: str
    falling: float | None = None
    first_unseen: float | None = None
    right: float
    unseen: float | None = None
    paraphrases: float
    steps: int


class MetricPoint(Measurement):
    """How well a metric tells which answers are right: `auc`, `spearman` with how many words are wrong, and how often
    the best of sixteen by it is right, `best_of`. `reference` is how many references it is given.
    """

    metric: str
    auc: float
    spearman: float
    best_of: float


Point = LearningPoint | MetricPoint
