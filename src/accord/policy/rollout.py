"""What a policy-gradient step reads: completions as sampled, what they are worth, and how likely they were.

Token ids are carried from the sampler to the loss. Log-probabilities are measured again by the trainer, of all samples
or of those of the first update; how far the sampler's own differ is logged (the mean ratio would be 1 whatever the two
are, for its expectation under the sampler is).
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from accord.deferred import deferred
from accord.errors import ModelError, TrainingStopped
from accord.interfaces import Judge, Sampler, Scores
from accord.lm.gradients import without_gradients
from accord.lm.packed import PackedBatch, TokenizedCompletion, length_of, pack
from accord.records import Completion, Prompt, Sample, Sampling
from accord.train.ranks import own_share, sum_tensor

with deferred():
    import torch
    from torch import Tensor, nn

    from accord.artefacts import ComponentScore, RolloutRow
    from accord.lm.causal import CausalModel
    from accord.lm.generate import LocalSampler
    from accord.lm.logprobs import token_logprobs
    from accord.policy.losses import kl_estimate
    from accord.policy.shared_scores import scores_by_all
    from accord.train.sharding import evened

__all__ = ["Rollout", "TokenStats", "generate_rollouts", "longest_of", "measure", "positions", "score_doubt"]


@dataclass(frozen=True)
class TokenStats:
    """Of every token of B completions, [B, T], 0 outside them: log-probability, entropy (nats), value before it."""

    logprob_BT: Tensor
    entropy_BT: Tensor
    value_BT: Tensor


@dataclass(frozen=True)
class Rollout:
    """B sampled completions. `score_B` is the judge's; `sampled_BT` are the sampler's own log-probabilities.

    dense_BT   what the judge says is earned at each token, where it was asked for; a row sums to the score
    components      the judge's scores by objective or group, each [B], and `length` in tokens
    judged     all that the judge said of them
    measured   rows whose log-probabilities of the policy are the trainer's, the others' being the sampler's; None: all
    """

    prompts: tuple[Prompt, ...]
    completions: tuple[Completion, ...]
    samples: tuple[Sample, ...]
    answers: tuple[TokenizedCompletion, ...]
    score_B: Tensor
    mask_BT: Tensor
    sampled_BT: Tensor
    policy: TokenStats
    reference_BT: Tensor
    dense_BT: Tensor | None = None
    components: Mapping[str, Tensor] = field(default_factory=dict)
    judged: Scores | None = None
    measured: set[int] | None = None

    def unmeasured(self) -> "Rollout":
        """The same, with log-probabilities of the policy that are the sampler's until the trainer measures its own."""
        return replace(self, measured=set())

    @property
    def kl_B(self) -> Tensor:
        """log pi(y|x) - log ref(y|x) of each sequence, in nats: unbiased for the KL, and negative at times."""
        return (self.policy.logprob_BT - self.reference_BT).sum(1)

    @property
    def sampler_logprob_diff(self) -> float | None:
        """Mean size of the log-ratio of a sampled token, trainer to sampler, in nats: 0 only where they agree.

        None where the trainer measured none.
        """
        if self.measured == set():
            return None
        return float((self.policy.logprob_BT - self.sampled_BT)[self._measured_BT].abs().mean())

    @property
    def sampler_kl(self) -> float | None:
        """KL(sampler || trainer) a token, estimated by k3 on what the sampler drew, in nats: never negative.

        None where the trainer measured none.
        """
        if self.measured == set():
            return None
        mask_BT = self._measured_BT
        return float(kl_estimate(self.sampled_BT[mask_BT], self.policy.logprob_BT[mask_BT], "k3").mean())

    @property
    def _measured_BT(self) -> Tensor:
        """The tokens whose log-probabilities the trainer measured itself."""
        if self.measured is None:
            return self.mask_BT
        measured_B = torch.tensor([row in self.measured for row in range(len(self.samples))])
        return self.mask_BT & measured_B.to(self.mask_BT.device)[:, None]

    @property
    def entropy(self) -> float:
        """Nats a token: the mean over places where distributions were measured, else of -log p of what was drawn."""
        inside_N = self.policy.entropy_BT[self.mask_BT]
        return float(-self.policy.logprob_BT[self.mask_BT].mean() if inside_N.isnan().any() else inside_N.mean())

    def tokens(self, rows: Sequence[int]) -> int:
        """How many tokens were sampled in some sequences; of tables, which have no samples, the mask says so."""
        return sum(len(self.samples[row].token_ids) for row in rows) if self.samples else int(self.mask_BT[rows].sum())

    @property
    def stopped_B(self) -> Tensor:
        """Which completions ended, by an end token or a stop string; the limit cut off the others."""
        ended = [each.finish_reason != "length" for each in self.samples]
        return torch.tensor(ended, device=self.score_B.device)

    def rows(
        self,
        step: int,
        temperature: float,
        *,
        cautious_rewards: Sequence[float] | None = None,
        reward_version: int | None = None,
        weights_step: int | None = None,
    ) -> list[RolloutRow]:
        """What is kept of each sample: its text and tokens, and every number measured on it.

        `cautious_rewards` are what was learnt from where that is not the score, `reward_version` says which version of
        a judge that changes has scored them, `weights_step` after which step the weights were that wrote them.
        """
        has_reference = not bool(self.reference_BT.isnan().any())
        each_BT = (self.sampled_BT, self.policy.logprob_BT, self.reference_BT)
        sampled_BT, policy_BT, reference_BT = (numbers_BT.cpu() for numbers_BT in each_BT)
        score_B = self.score_B.tolist()
        rows = []
        for index, (completion, sample) in enumerate(zip(self.completions, self.samples, strict=True)):
            size = len(sample.token_ids)
            is_measured = self.measured is None or index in self.measured
            rows.append(
                RolloutRow(
                    step=step,
                    index=index,
                    prompt=completion.prompt,
                    text=completion.text,
                    token_ids=sample.token_ids,
                    rollout_logprobs=_rounded(sampled_BT[index, :size]),
                    logprobs=_rounded(policy_BT[index, :size]) if is_measured else None,
                    reference_logprobs=_rounded(reference_BT[index, :size]) if has_reference else None,
                    reward=round(score_B[index], 6),
                    cautious_reward=None if cautious_rewards is None else round(cautious_rewards[index], 6),
                    **score_doubt(self.judged, index),
                    finish_reason=sample.finish_reason,
                    temperature=temperature,
                    writer=sample.writer,
                    reward_version=reward_version,
                    weights_step=weights_step,
                )
            )
        return rows


def longest_of(causal: CausalModel, prompts: Sequence[Prompt], sampling: Sampling) -> int:
    """The longest sequence that can come of the prompts, in tokens."""
    return max(map(len, causal.encode_prompts(prompts).values())) + sampling.max_tokens


def positions(batch: PackedBatch) -> tuple[Tensor, Tensor]:
    """Row and place in the rollout of each token of a batch whose keys are rows."""
    row_A = torch.tensor(batch.keys, dtype=torch.long, device=batch.owner_N.device)
    return row_A[batch.owner_N], batch.step_N


def generate_rollouts(
    policy: CausalModel,
    reference: CausalModel | None,
    judge: Judge,
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    *,
    head: nn.Linear | None = None,
    old_logprobs: bool = True,
    dense: bool = False,
    sampler: Sampler | None = None,
) -> Rollout:
    """`n` completions of each prompt, judged and measured. `head` reads values from the policy's hidden states.

    `sampler` draws them from the policy's distribution; where it is unset, the policy does so itself.

    With `dense` the judge must say where in a completion its score is earned. Raises `ModelError` where the reference
    reads other tokens than the policy writes, `TrainingStopped` where the judge's scores cannot be learnt from.

    Without a reference its log-probabilities are NaN; with `old_logprobs=False` the policy's are the sampler's, and so
    are values where it read some, for a caller that measures them in the forward pass of its own update.
    """
    ids = [tuple(policy.encode_prompt(prompt)) for prompt in prompts]
    groups = (sampler or LocalSampler(policy)).sample(ids, n, sampling)
    samples = tuple(sample for group in groups for sample in group)
    repeated = tuple(prompt for prompt in prompts for _ in range(n))
    heads = [prompt_ids for prompt_ids in ids for _ in range(n)]
    answers = tuple(
        TokenizedCompletion(head_ids, sample.token_ids, key)
        for key, (head_ids, sample) in enumerate(zip(heads, samples, strict=True))
    )
    completions = tuple(
        policy.completion(prompt, sample, sampling) for prompt, sample in zip(repeated, samples, strict=True)
    )
    scores = scores_by_all(judge, repeated, completions)
    score_B = torch.tensor(scores.value_N, dtype=torch.float32, device=policy.device)
    mask_BT, sampled_BT = _padded(samples)
    width, temperature = mask_BT.shape[1], sampling.temperature
    nothing_BT = torch.zeros_like(sampled_BT).masked_fill(mask_BT, torch.nan).to(policy.device)
    if old_logprobs:
        own = measure(policy, answers, width, temperature, head=head)
    else:
        value_BT = _values(samples, nothing_BT)
        own = TokenStats(sampled_BT.to(policy.device, copy=True), nothing_BT.clone(), value_BT)
    if reference is None:
        reference_BT = nothing_BT
    elif reference is policy and old_logprobs:
        reference_BT = own.logprob_BT.clone()
    else:
        read = answers if reference is policy else _as_read_by(reference, policy, repeated, answers)
        reference_BT = measure(reference, read, width, temperature, entropy=False).logprob_BT
    return Rollout(
        prompts=repeated,
        completions=completions,
        samples=samples,
        answers=answers,
        score_B=score_B,
        mask_BT=mask_BT.to(policy.device),
        sampled_BT=sampled_BT.to(policy.device),
        policy=own,
        reference_BT=reference_BT,
        dense_BT=_dense(policy, judge, scores, samples, width).to(policy.device) if dense else None,
        components={
            **{name: torch.tensor(component.value_N).to(score_B) for name, component in scores.components.items()},
            "length": mask_BT.sum(1).to(score_B),
        },
        judged=scores,
    )


def _padded(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """Which positions are tokens, and the sampler's log-probabilities there (0 elsewhere): mask_BT, sampled_BT."""
    width = max(len(sample.token_ids) for sample in samples)
    mask_BT = torch.zeros((len(samples), width), dtype=torch.bool)
    sampled_BT = torch.zeros((len(samples), width))
    for row, sample in enumerate(samples):
        mask_BT[row, : len(sample.token_ids)] = True
        sampled_BT[row, : len(sample.token_ids)] = torch.tensor(sample.logprobs)
    return mask_BT, sampled_BT


def _values(samples: Sequence[Sample], nothing_BT: Tensor) -> Tensor:
    """What was read before each token while it was sampled, [B, T]; NaN where nothing was."""
    value_BT = nothing_BT.clone()
    for row, sample in enumerate(samples):
        if sample.values is not None:
            value_BT[row, : len(sample.values)] = torch.tensor(sample.values, device=value_BT.device)
    return value_BT


def _as_read_by(
    reference: CausalModel, policy: CausalModel, prompts: Sequence[Prompt], answers: Sequence[TokenizedCompletion]
) -> list[TokenizedCompletion]:
    """What the policy wrote, after the prompts as the reference's own template has them: a policy may bring another.

    Raises `ModelError` where a token id that was written is not the same token to both.
    """
    written = sorted({token for each in answers for token in each.completion})
    ours, theirs = (each.tokenizer.convert_ids_to_tokens(written) for each in (policy, reference))
    if differ := [one for one, other in zip(ours, theirs, strict=True) if one != other]:
        raise ModelError(
            f"{reference.name}: its tokenizer is not that of {policy.name} ({len(differ)} tokens differ, such as "
            f"{differ[0]!r}), so its log-probabilities are of other texts; take a reference with the same tokenizer"
        )
    heads = reference.encode_prompts(prompts)
    return [replace(answer, prompt=heads[prompt.id]) for prompt, answer in zip(prompts, answers, strict=True)]


def _dense(policy: CausalModel, judge: Judge, scores: Scores, samples: Sequence[Sample], width: int) -> Tensor:
    """What is earned at each token, [B, T]: at the first one with which the text reaches a place.

    Raises `TrainingStopped` where the judge does not say where its scores are earned.
    """
    if scores.credits is None:
        raise TrainingStopped(f"the judge '{judge.name}' does not say where its scores are earned; set dense = false")
    dense_BT = torch.zeros((len(samples), width))
    for row, (each, earned) in enumerate(zip(samples, scores.credits, strict=True)):
        reach_T = policy.reaches(each.token_ids)[:-1]
        for character, amount in earned:
            dense_BT[row, bisect_left(reach_T, character)] += amount
    return dense_BT


@without_gradients
def measure(
    causal: CausalModel,
    answers: Sequence[TokenizedCompletion],
    width: int,
    temperature: float,
    *,
    head: nn.Linear | None = None,
    entropy: bool = True,
) -> TokenStats:
    """Measure completions by teacher forcing. The key of each answer is its row; entropies are NaN where left out."""
    stats = [torch.zeros((len(answers), width), device=causal.device) for _ in range(3)]
    for batch in evened(causal, pack(causal, own_share(answers, length_of))):
        hidden_XD = batch.hidden(causal)
        tokens = token_logprobs(causal, batch, hidden_XD, temperature=temperature, entropy=entropy)
        row_N = positions(batch)[0]
        stats[0][row_N, batch.step_N] = tokens.logprob_N
        stats[1][row_N, batch.step_N] = tokens.entropy_N
        if head is not None:
            stats[2][row_N, batch.step_N] = head(hidden_XD[batch.source_N].float())[:, 0]
    return TokenStats(*map(sum_tensor, stats))


def score_doubt(scores: Scores | None, index: int) -> dict[str, Any]:
    """Columns of a row: the standard deviation of a completion's score, and its components, where there are such."""
    if scores is None:
        return {}
    components = {
        name: ComponentScore(value=round(float(each.value_N[index]), 6), std=_std_of(each, index))
        for name, each in scores.components.items()
    }
    return {"reward_std": _std_of(scores, index), "components": components or None}


def _std_of(scores: Scores, index: int) -> float | None:
    return None if scores.std_N is None else round(float(scores.std_N[index]), 6)


def _rounded(x_T: Tensor) -> tuple[float, ...]:
    return tuple(round(x, 6) for x in x_T.tolist())
