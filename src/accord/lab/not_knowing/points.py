"""What is measured."""

from accord.lab.cell import Measurement

__all__ = ["AnswerPoint", "ComparisonPoint", "ModePoint", "Point"]


class AnswerPoint(Measurement):
    """What a learner answers to questions of knowledge that are held out.

    learner         `sft ...` or `distilled` was taught answers, `rl from ...` a reward; among those of `sft 0.25` that
                    share was unknown; `start` has read only
    penalty         what a wrong answer costs, where that is known to the learner
    wrong_unknown   share of wrong answers to questions of whose answers less than .3 agree
    prudence        share of refusals of these
    overcautious    share of refusals where more than .8 agree
    answers         share of all questions that it answers
    switch          the share of agreement at which answering begins
    rewards         the mean of 1 for right, 0 for a refusal, less a penalty for wrong, for each penalty
    greedy          the same of its likeliest answers; none where only texts are known
    by_share        how often it answers, by tenths of the share of agreement
    right_by_share  how often these answers are right
    loss            of the answers that it was taught, at the end, nats
    first_loss      the same at the beginning
    """

    learner: str
    penalty: float | None = None
    wrong_unknown: float
    prudence: float
    overcautious: float
    honesty: float
    answers: float
    switch: float
    rewards: tuple[float, ...]
    greedy: tuple[float, ...] | None = None
    by_share: tuple[float | None, ...]
    right_by_share: tuple[float | None, ...]
    loss: float | None = None
    first_loss: float | None = None


class ComparisonPoint(Measurement):
    """A run of RL on the reward of a comparator, on questions of knowledge that are held out.

    numbers, negation   share of pairs that differ in this alone and are told apart
    refusal         what "I don't know." would be worth by the comparator, the mean over references
    steps           at which the rest is measured
    by_comparator   mean reward by the comparator
    by_truth        mean of 1 for right, 0 for a refusal, -1 for wrong
    wrong_unknown   share of wrong answers where less than .3 agree
    answers         share of questions that are answered
    """

    comparator: str
    numbers: float
    negation: float
    refusal: float
    steps: tuple[int, ...]
    by_comparator: tuple[float, ...]
    by_truth: tuple[float, ...]
    wrong_unknown: tuple[float, ...]
    answers: tuple[float, ...]


class ModePoint(Measurement):
    """What a learner makes of questions of one mode that are held out.

    refused   share of "I don't know."
    variety   the effective number of right answers: exp of the entropy among them, the mean over questions
    """

    mode: str
    learner: str
    right: float
    wrong: float
    refused: float
    variety: float


Point = AnswerPoint | ComparisonPoint | ModePoint
