"""What a training stage leaves: a line a step, what the policy wrote while it learnt, weights, batch limits."""

from typing import Literal

from pydantic import Field

from accord.artefacts.kinds import Folder, JsonLines, JsonObject, Row, absent
from accord.records import FinishReason

__all__ = [
    "ALGORITHM",
    "BATCHES",
    "BEST",
    "CANDIDATES",
    "JUDGE_FAILURES",
    "METRICS",
    "MODEL",
    "MOMENTS",
    "OBJECTIVE",
    "SAMPLES",
    "VALUE_HEAD",
    "AlgorithmRow",
    "BatchLimitsRow",
    "BestOfNCandidate",
    "BestStep",
    "Candidate",
    "ComponentScore",
    "ConditionalCandidate",
    "CuratedCandidate",
    "FinishReason",
    "GradedCandidate",
    "JudgeFailure",
    "Metrics",
    "ObjectiveRow",
    "OnlineMetrics",
    "PairMetrics",
    "RewardMetrics",
    "RolloutRow",
    "StepMetrics",
    "SupervisedMetrics",
    "WrittenCandidate",
]


class StepMetrics(Row):
    """What is logged of a step, whatever learns; what was not measured is null."""

    step: int = Field(ge=1)
    lr: float | None = Field(description="learning rate of the step's updates")
    grad_norm: float | None = Field(
        description="norm of the gradient before clipping; the mean where there are several updates"
    )
    seconds: float | None = None
    extra: dict[str, float] | None = absent("numbers that only this algorithm has")


class SupervisedMetrics(StepMetrics):
    """A step of supervised learning."""

    loss: float = Field(description="mean loss a completion token, nats")
    tokens: int = Field(description="completion tokens")
    texts: int | None = absent("completions learnt from")
    ended: int | None = absent("of them, those whose last target was an end token")


class RewardMetrics(StepMetrics):
    """A step of a reward model."""

    loss: float = Field(description="mean negative log-likelihood of an observation, nats, by weight")
    accuracy: float | None = Field(
        description="share of pairs ordered rightly; ties are left out, null where all are tied or there are none"
    )
    pairs: int
    observations: dict[str, int] | None = absent("by the kind of what was said")
    penalty: float | None = absent(
        "-log prior over all observations, nats, up to a constant; what is descended is both"
    )


class PairMetrics(StepMetrics):
    """A step of learning from pairs."""

    loss: float = Field(description="mean loss a pair")
    accuracy: float | None = Field(description="share of pairs with a positive margin; null where all are tied")
    margin: float = Field(description="mean margin of chosen over rejected, as the algorithm measures it")


class OnlineMetrics(StepMetrics):
    """A step of learning from samples; what an algorithm lacks is null."""

    reward: float | None = Field(description="the judge's mean score")
    reward_std: float | None = Field(description="standard deviation of the scores; null for one sample")
    judge_std: float | None = absent("mean standard deviation that the judge gives its scores; absent without one")
    cautious_reward: float | None = absent("mean of the scores at their low end, where `caution` learns from that")
    kl: float | None = Field(description="policy to reference, nats a sequence")
    kl_estimator: Literal["k1", "k2", "k3"] | None = absent(
        "of kl a token, where it is not k1, the log-ratio: k2 and k3 are never negative (Schulman 2020)"
    )
    samples: int | None = absent("samples of the step, where they are not kept")
    kl_se: float | None = Field(description="standard error of kl; null for one sample")
    entropy: float | None = Field(description="nats a token")
    clip_frac: float | None = Field(description="share of tokens whose update was clipped")
    policy_loss: float | None
    length: float | None = Field(description="mean tokens a sample")
    stop_rate: float | None = Field(description="share of samples that end themselves")
    sampler_logprob_diff: float | None = Field(
        description="mean size of the log-ratio of a token, trainer to sampler, before the first update, nats; of the "
        "samples that the trainer read then"
    )
    sampler_kl: float | None = Field(description="KL(sampler || trainer), estimated by k3, nats a token")
    importance_ratio: float | None = absent(
        "mean ratio of trainer to sampler of what is weighed (`importance_weights`), before it is truncated"
    )
    importance_truncated: float | None = absent("share of the importance weights that the cap cut off")
    hand_over_bytes: int | None = absent("bytes of weights that were handed over to whoever samples elsewhere")
    hand_over_seconds: float | None = absent("seconds until they were in place there")
    frac_zero_std: float | None = Field(default=None, description="share of groups whose scores are all equal")
    kl_coef: float | None = None
    value_loss: float | None = None
    explained_variance: float | None = Field(default=None, description="share of the returns' variance")
    pretrain_loss: float | None = None
    judge_failures: int | None = absent("calls of the judge that failed before it answered; absent where none did")
    components: dict[str, float] | None = Field(
        default=None, description="means of the components of the judge's score"
    )
    reward_version: int | None = absent("which version of the reward scored the step, where it is changed meanwhile")
    labels: int | None = absent("answers that were asked for between steps, up to this one")
    samples_lag: int | None = absent(
        "steps by which the weights that wrote the samples lay behind, where there is `staleness` or they are written "
        "elsewhere"
    )
    samples_wait: float | None = absent("seconds that the step waited for samples that are written elsewhere")
    multipliers: dict[str, float] | None = Field(
        default=None, description="of constraints by component, of groups of people as `group <name>`"
    )


Metrics = OnlineMetrics | PairMetrics | RewardMetrics | SupervisedMetrics


class ComponentScore(Row):
    """What one component of a judge makes of a text."""

    value: float
    std: float | None = absent("its standard deviation, where the component has one")


class RolloutRow(Row):
    """A sample that the policy learnt from, and every number measured on it.

    What a run of accord always has may be absent from one that other software made and did not log it.
    """

    step: int = Field(ge=1)
    index: int = Field(ge=0, description="within the step")
    prompt: str
    text: str
    token_ids: tuple[int, ...] | None = absent("as they were sampled, with the end token")
    rollout_logprobs: tuple[float, ...] | None = absent(
        "the sampler's own, nats a token; of what another writer wrote, the start's"
    )
    logprobs: tuple[float, ...] | None = absent(
        "the trainer's before the first update; absent where it learnt from the sampler's and did not read this sample"
    )
    reference_logprobs: tuple[float, ...] | None = absent("the reference's; absent where there is none")
    reward: float | None = absent("what the policy learns from")
    reward_std: float | None = absent("standard deviation that the judge gives its score")
    cautious_reward: float | None = absent("the score at its low end, where `caution` learns from that")
    components: dict[str, ComponentScore] | None = absent("of the judge's score, by objective or group")
    finish_reason: FinishReason | None = absent()
    temperature: float | None = absent()
    writer: str | None = absent("who wrote it, where several models do")
    reward_version: int | None = absent(
        "which version of the reward scored it, from 0 on, where `[synchronous]` changes it between steps"
    )
    weights_step: int | None = absent(
        "the step after which the policy's weights were that wrote it; where it is left out, the step before this one"
    )


class WrittenCandidate(Row):
    """A text that the start wrote: what context distillation learns from."""

    group: int = Field(ge=0, description="texts of one group answer one prompt, once")
    index: int = Field(ge=0, description="within the group")
    prompt: str
    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason


class BestOfNCandidate(WrittenCandidate):
    """A text that the start wrote, judged, and whether it is the best of its group."""

    reward: float
    reward_std: float | None = absent("standard deviation that the judge gives its score")
    cautious_reward: float | None = absent("the score at its low end, where `caution` chooses by that")
    chosen: bool
    writer: str | None = absent("who wrote it, where several models do")


class GradedCandidate(WrittenCandidate):
    """A text that the start wrote, and whether it is right: what the start knows is learnt from it (abstaining)."""

    reward: float | None
    right: bool
    share: float = Field(description="share of right answers in the group")
    known: bool


class CuratedCandidate(Row):
    """A given completion, judged, and its place in the choice."""

    index: int = Field(ge=0)
    prompt: str
    completion: str
    text: str
    reward: float
    place: int | None = Field(description="from 1, in the order of choice; null where it was not chosen")
    chosen: bool
    feedback_ids: tuple[str, ...] | None = absent("the feedback that the example comes from")


class ConditionalCandidate(Row):
    """A given completion, judged, and the control that says how good it is."""

    index: int = Field(ge=0)
    prompt: str
    completion: str
    text: str
    reward: float
    control: str
    feedback_ids: tuple[str, ...] | None = absent("the feedback that the example comes from")


Candidate = RolloutRow | BestOfNCandidate | GradedCandidate | WrittenCandidate | CuratedCandidate | ConditionalCandidate


class BatchLimitsRow(Row):
    """How a stage with `memory_gb` splits its batches."""

    row_tokens: int
    batch_tokens: int


class AlgorithmRow(Row):
    """What trained the policy."""

    kind: str
    sentence: str = Field(description="what it did, as the report tells it, without the full stop")


class BestStep(Row):
    """The step whose policy is kept beside the last one's."""

    step: int
    by: str = Field(
        description="what it is the best by: `eval_reward`, the independent judge's score, or `reward`, which it is "
        "trained on"
    )
    value: float = Field(description="the mean of that over texts that this policy wrote while it learnt")


class JudgeFailure(Row):
    """A step of the policy in which its judge failed."""

    step: int
    failures: int = Field(description="calls that failed, the last of them too where the step was skipped")
    problem: str = Field(description="what it said last")
    skipped: bool = Field(description="whether the step was skipped; else the judge was asked again, and answered")


class ObjectiveRow(Row):
    """What a reward is the optimum of, as its settings say it."""

    kind: str
    learns_from: tuple[str, ...] = Field(description="kinds of judgement; none where nothing is learnt")
    likelihood: str = Field(description="the loss or the formula, with its settings; empty where the kind says none")
    prior: str | None = absent("what holds its weights, and how strongly; absent where nothing is learnt")
    disagreement: str = Field(description="what becomes of two people who differ")


ALGORITHM: JsonObject[AlgorithmRow] = JsonObject(
    "algorithm.json", "the algorithm of a policy, and what it did in a sentence", content=AlgorithmRow
)
BEST: JsonObject[BestStep] = JsonObject(
    "best.json", "which step the policy beside it is of (`[checkpoints] best_by`)", content=BestStep
)
JUDGE_FAILURES: JsonLines[JudgeFailure] = JsonLines(
    "judge_failures.jsonl", "the steps in which the policy's judge failed; absent where it never did", row=JudgeFailure
)
OBJECTIVE: JsonObject[ObjectiveRow] = JsonObject(
    "objective.json",
    "what a reward is the optimum of: likelihood, prior, and what becomes of disagreement",
    content=ObjectiveRow,
)
MODEL = Folder("model", "weights, configuration and tokenizer, as transformers reads them")
MOMENTS = Folder("moments", "the optimiser's moments after the last step, where `optim.keep_moments` asks for them")
VALUE_HEAD = Folder("value", "the value head, where the algorithm has one")
METRICS: JsonLines[Metrics] = JsonLines("metrics.jsonl", "the training, step by step", row=Metrics)
SAMPLES: JsonLines[RolloutRow] = JsonLines("samples.jsonl", "every sample that the policy learnt from", row=RolloutRow)
CANDIDATES: JsonLines[Candidate] = JsonLines(
    "candidates.jsonl", "texts that were judged or graded before the policy learnt from some", row=Candidate
)
BATCHES: JsonObject[BatchLimitsRow] = JsonObject(
    "batches.json", "the batch limits that were planned for a stage with `memory_gb`", content=BatchLimitsRow
)
