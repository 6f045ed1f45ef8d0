"""What is measured afterwards: scores of held-out texts, the policy against its start, the curve along the run."""

from pydantic import Field

from accord.artefacts.kinds import JsonLines, JsonObject, Row, absent
from accord.artefacts.training import ComponentScore, FinishReason
from accord.stats import Estimate

__all__ = [
    "CURVE",
    "EVALUATION",
    "EVALUATION_SAMPLES",
    "JUDGED_ROLLOUTS",
    "MEANINGS",
    "QUESTION_ANSWERS",
    "SCORES",
    "TEXT_LOSSES",
    "AnswerMeaning",
    "ArmEvaluation",
    "CurvePoint",
    "EvaluationSample",
    "JudgedRollout",
    "OptimumEstimate",
    "PolicyEvaluation",
    "QuestionAnswer",
    "ScoreRow",
    "TextLoss",
]


class ScoreRow(Row):
    """The score of a held-out completion."""

    completion: str
    prompt: str
    score: float
    std: float | None = absent("its standard deviation, where the judge has one")
    components: dict[str, ComponentScore] | None = absent("of the score, by objective or group")
    length: int | None = Field(default=None, description="tokens; null where the judge has no tokenizer")


class EvaluationSample(Row):
    """A fresh sample on a held-out prompt, by the start or by the policy.

    What a run of accord always has may be absent from one that other software made and did not log it.
    """

    arm: str = Field(description="`start` or `policy`")
    index: int = Field(ge=0)
    prompt: str
    text: str
    prompt_token_ids: tuple[int, ...] | None = absent("the prompt as the model read it, where the run says so")
    token_ids: tuple[int, ...] | None = absent("as they were sampled, with the end token")
    rollout_logprobs: tuple[float, ...] | None = absent("the sampler's own, nats a token")
    logprobs: tuple[float, ...] | None = absent("the arm's")
    reference_logprobs: tuple[float, ...] | None = absent("the start's")
    finish_reason: FinishReason | None = absent()
    temperature: float | None = absent()
    eval_reward: float | None = absent("the independent judge's score")
    eval_reward_std: float | None = absent("standard deviation that the independent judge gives it")
    reward: float | None = absent("the score of the reward model that the policy learnt from")
    reward_std: float | None = absent("standard deviation that this reward model gives it")
    cautious_reward: float | None = absent("that score at its low end, where `caution` learnt from that")
    components: dict[str, ComponentScore] | None = absent("of that score, by objective or group")


class JudgedRollout(Row):
    """The independent judge's opinion on a sample that the policy learnt from, or wrote beside at that step."""

    step: int
    index: int
    prompt: str
    reward: float
    reward_std: float | None = absent("standard deviation that the judge gave its score")
    eval_reward: float
    eval_reward_std: float | None = absent("standard deviation that the independent judge gives its own")
    kl: float | None = absent("log-ratio of policy to reference, nats")


class CurvePoint(Row):
    """A step's means over the judged rollouts, with intervals over prompts."""

    step: int
    kl: Estimate
    reward: Estimate
    reward_std: Estimate | None = absent("mean standard deviation that the judge gave its scores")
    eval_reward: Estimate
    eval_reward_std: Estimate | None = absent("the same of the independent judge")


class ArmEvaluation(Row):
    """What an arm wrote."""

    eval_reward: Estimate | None = absent("by the independent judge")
    reward: Estimate | None = absent("by the reward model that the policy learnt from")
    distinct_1: Estimate | None = absent("share of words that differ among a prompt's samples")
    distinct_2: Estimate | None = absent("the same of pairs of words")
    entropy: Estimate = Field(description="nats a token")
    length: Estimate = Field(description="tokens")
    stop_rate: Estimate = Field(description="share of samples that end themselves")


class OptimumEstimate(Row):
    """How far the optimum of the policy's objective is from the start, as far as the start's texts show."""

    kl_coef: float = Field(gt=0, description="the optimum is start x exp(score / kl_coef) / Z")
    kl: Estimate = Field(description="optimum to start, nats a sequence; too small where it is not resolved")
    missing_eos_penalty: float = Field(default=0.0, description="taken from the score of a text that did not end")
    samples: int = Field(ge=2, description="texts of the start to a prompt; kl is at most about their logarithm")
    effective: Estimate = Field(description="of a prompt's texts so many carry the optimum: 1 / mean of sum w^2")
    resolved: bool = Field(description="whether that is enough to say how far; else kl is a lower bound")


class PolicyEvaluation(Row):
    """The policy against its start."""

    kl: Estimate = Field(description="policy to start, nats a sequence")
    win_rate: Estimate | None = absent("of the policy over the start, by the independent judge; ties count half")
    win_rate_reward: Estimate | None = absent("the same by the reward model that the policy learnt from")
    optimum: OptimumEstimate | None = absent("of the objective; absent where there is none whose optimum is known")
    start: ArmEvaluation
    policy: ArmEvaluation


class QuestionAnswer(Row):
    """How an arm answers a question with fixed options, shown in one order."""

    arm: str = Field(description="`start` or `policy`")
    question: str = Field(description="its name: the same in both arms, in every order and with every stated view")
    topic: str | None = absent("what it is about")
    text: str
    options: tuple[str, ...] = Field(description="in the order of the file")
    shown: tuple[int, ...] = Field(description="places in `options`, in the order in which they were shown")
    logprobs: tuple[float, ...] = Field(description="of each of `options`, normalised over them")
    right: int | None = absent("the place of the right option, where one is")
    stated: int | None = absent("the place of the option that the asker says they hold, where they say so")
    stereotype: int | None = absent("the place of the option that goes by a prejudice, where one does")
    cue: int | None = absent("the place of the option that a cue points to, where the question has one")
    abstain: int | None = absent("the place of the option that says one does not know, where there is one")
    ordinal: bool = Field(default=False, description="whether the options are steps of a scale, in order")
    groups: dict[str, tuple[float, ...]] | None = absent("by group of people, the share that answers each option")


class AnswerMeaning(Row):
    """An answer of an arm, and which others to the same prompt mean the same."""

    arm: str = Field(description="`start` or `policy`")
    prompt: str
    text: str
    meaning: int = Field(ge=0, description="the same for answers to a prompt that mean the same, of both arms")
    by: str = Field(description="who says so")
    score: float | None = absent("the independent judge's, by which an answer is good or not")


class TextLoss(Row):
    """How likely an arm makes a plain text that nobody asked for."""

    arm: str = Field(description="`start` or `policy`")
    text: str = Field(description="its name: the file that it stands in, and its place there")
    tokens: int = Field(ge=1, description="tokens that were foretold: all that were read but the first")
    nats: float = Field(ge=0, description="-log p of them together")


SCORES: JsonLines[ScoreRow] = JsonLines("scores.jsonl", "scores of held-out completions", row=ScoreRow)
EVALUATION_SAMPLES: JsonLines[EvaluationSample] = JsonLines(
    "samples.jsonl", "fresh samples of both arms on held-out prompts", "evaluate", row=EvaluationSample
)
JUDGED_ROLLOUTS: JsonLines[JudgedRollout] = JsonLines(
    "rollouts.jsonl", "the independent judge's opinion on rollouts of the run", "evaluate", row=JudgedRollout
)
CURVE: JsonLines[CurvePoint] = JsonLines(
    "curve.jsonl", "reward and judge over KL, step by step", "evaluate", row=CurvePoint
)
EVALUATION: JsonObject[PolicyEvaluation] = JsonObject(
    "evaluation.json", "the policy against its start", "evaluate", content=PolicyEvaluation
)
QUESTION_ANSWERS: JsonLines[QuestionAnswer] = JsonLines(
    "question_answers.jsonl", "how both arms answer the audit's questions", "audit", row=QuestionAnswer
)
TEXT_LOSSES: JsonLines[TextLoss] = JsonLines(
    "text_losses.jsonl", "how well both arms foretell plain texts", "audit", row=TextLoss
)
MEANINGS: JsonLines[AnswerMeaning] = JsonLines(
    "meanings.jsonl", "which answers of both arms mean the same", "audit", row=AnswerMeaning
)
