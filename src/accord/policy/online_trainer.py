"""What every algorithm that learns from its own samples does in a step: sample, have them judged, measure, update.

`OnlineTrainer` holds the models and does all of it but the update, which is the algorithm's (`accord.policy.gradient`,
`accord.policy.ppo`, `accord.policy.ranked`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from accord.artefacts import (
    BEST,
    CANDIDATES,
    JUDGE_FAILURES,
    SAMPLES,
    VALUE_HEAD,
    BestStep,
    JsonLines,
    JudgeFailure,
    OnlineMetrics,
    RolloutRow,
)
from accord.errors import TrainingStopped
from accord.interfaces import Judge, Sampler
from accord.lm.causal import CausalModel
from accord.lm.frozen_prefix import forget_prefix, share_prefix
from accord.lm.gradients import without_gradients
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import length_of
from accord.lm.reward_model import new_head
from accord.policy.caution import LearntFrom
from accord.policy.constraints import constrained, update_multipliers
from accord.policy.judge_failures import JudgeFailedError, PatientJudge, noted_failure
from accord.policy.moving_judge import AtStep, MovingJudge
from accord.policy.online import Online
from accord.policy.rollout import Rollout, generate_rollouts, longest_of, positions
from accord.policy.samples_ahead import (
    Elsewhere,
    GivenSamples,
    Pending,
    RemoteSampler,
    SamplesAhead,
    Written,
    named_weights,
)
from accord.policy.servers.sampler import ServerSampler
from accord.policy.shared_sampler import SharedSampler
from accord.policy.step_metrics import frac_zero_std, rollout_metrics
from accord.records import Prompt, Sampling
from accord.run import RunDirectory
from accord.run.stopping import termination
from accord.train import (
    BatchLimits,
    Optimiser,
    Passes,
    StepResult,
    StepSkipped,
    TrainingLoop,
    TrainingStep,
    seed_of,
    shuffled,
    stage_batch_limits,
    stage_seed,
)
from accord.train.checkpointing import weights_digest
from accord.train.ranks import is_first, own_share, process_count, rank_names, sum_tensor
from accord.train.sharding import shard_model

__all__ = ["OnlineTrainer", "build_trainer"]


class OnlineTrainer:
    """What a step of online training needs, and the parts of it that all algorithms share.

    prompts    what is answered, some at each step
    policy     the model that learns
    reference  what it is held near; None where the algorithm needs none
    sampler    writes the samples: the policy or, where the algorithm learns from those of the start, the reference
    remote     opens what writes those of the policy elsewhere; None where `sampler` does
    judge      scores them
    loop       steps, logs and checkpoints of the stage
    limits     how sequences are packed for an update
    start      what the policy was opened from
    head       reads values from the policy's hidden states; None where the algorithm has none
    """

    def __init__(
        self,
        settings: Online,
        prompts: Sequence[Prompt],
        *,
        policy: CausalModel,
        reference: CausalModel | None,
        sampler: Sampler,
        judge: Judge,
        loop: TrainingLoop,
        limits: BatchLimits,
        start: str | Path,
        head: nn.Linear | None = None,
        remote: Callable[[], RemoteSampler] | None = None,
    ) -> None:
        self.settings, self.prompts, self.start = settings, prompts, start
        self.policy, self.reference, self.head = policy, reference, head
        self.sampler, self.judge = sampler, judge
        self.loop, self.limits = loop, limits
        self.seed, self.optimiser = loop.seed, loop.optimiser
        self._open_remote = remote if settings.on_policy else None
        self._passes = Passes([[prompt] for prompt in prompts], self.seed, "prompts")
        self._ahead = SamplesAhead(self._begin, ahead=settings.steps_ahead, total=loop.total, state=loop.state)
        self._written, self._waited = Written([], 0), 0.0
        loop.before_saving(self._ahead.keep)

    @property
    def state(self) -> dict[str, Any]:
        """What an algorithm remembers from step to step; it is kept with the checkpoints."""
        return self.loop.state

    def steps(self, update: "Update") -> Iterator[TrainingStep[OnlineMetrics]]:
        """The steps that are still to be made, with the updates of `update`; then the models are kept."""
        moving = self.judge if isinstance(self.judge, MovingJudge) else None

        def step(number: int) -> StepResult[OnlineMetrics]:
            judge = PatientJudge(self.judge, self.settings.judge_retries, self.seed, number)
            told: Judge = judge if moving is None else AtStep(moving, judge, number, self._digest)
            try:
                rollout = self.generate_rollouts(number, old_logprobs=self.settings.needs_old_logprobs, judge=told)
            except JudgeFailedError as failed:
                self._skip(judge, failed)
            metrics = self.step_metrics(rollout, number, update(self, rollout, number))
            rows = self.rows(rollout, number)
            if moving is not None:
                moving.after_update(number)
            failure = noted_failure(self.state, judge, skipped=False)
            if failure is not None:
                metrics = metrics.model_copy(update={"judge_failures": failure.failures})
            return StepResult(metrics, rows)

        if moving is not None:
            moving.take_up(self.loop.done)
        yield from self.loop.steps(step, self.save)
        if moving is not None:
            moving.finish()
        if rows := self.state.get("judge_failures"):
            JUDGE_FAILURES.write(self.loop.run, map(JudgeFailure.model_validate, rows), stage=self.loop.stage)
        self.save_best()

    def _digest(self) -> str:
        """Of the weights as they are."""
        return weights_digest(self.policy.model)

    def _skip(self, judge: PatientJudge, failed: JudgeFailedError) -> NoReturn:
        """Have a step left out of which the judge gives no scores.

        Raises what it raised where training is to stop then, `TrainingStopped` where too many steps were skipped.
        """
        s = self.settings
        if s.on_judge_failure == "stop" or termination():
            raise failed.problem
        earlier = [row["step"] for row in self.state.get("judge_failures", ()) if row["skipped"]]
        if len(earlier) >= s.max_skipped_steps:
            raise TrainingStopped(
                f"the judge '{judge.name}' failed at step {judge.step} ({failed}), and as many steps as "
                f"max_skipped_steps allows were skipped before ({', '.join(map(str, earlier))}); see to the judge, and "
                "go on with --resume"
            )
        noted_failure(self.state, judge, skipped=True)
        raise StepSkipped

    def generate_rollouts(self, step: int, *, old_logprobs: bool, judge: Judge | None = None) -> Rollout:
        """The samples of a step, judged (by the trainer's judge unless another is given), and measured where they are
        the policy's own.

        Raises `TrainingStopped` where their KL to the reference is above `max_kl`: no weight has moved in this step.
        """
        s, judge = self.settings, judge or self.judge
        forget_prefix(self.policy)
        prompts, sampling = self._drawn(step)
        if not s.on_policy:
            assert self.reference is not None
            form: dict[str, Any] = {"sampler": self.sampler, "old_logprobs": False}
            return generate_rollouts(self.reference, None, judge, prompts, s.group_size, sampling, **form)
        began = monotonic()
        self._written = self._ahead.take(step)
        self._waited = monotonic() - began
        form = {"sampler": GivenSamples(self._written.groups), "old_logprobs": old_logprobs}
        form |= {"head": self.head, "dense": s.needs_credits}
        rollout = generate_rollouts(self.policy, self.reference, judge, prompts, s.group_size, sampling, **form)
        if not old_logprobs:
            rollout = rollout.unmeasured()
        if (kl := float(rollout.kl_B.mean())) > s.max_kl:  # NaN where there is no reference
            raise TrainingStopped(
                f"the KL to the reference became {kl:.1f} nats a sequence at step {step}, above max_kl = "
                f"{s.max_kl:g}; lower optim.lr, raise kl_coef, or raise max_kl, in a new run"
            )
        return rollout

    def _drawn(self, step: int) -> tuple[list[Prompt], Sampling]:
        """What is answered in a step, and how."""
        s = self.settings
        sampling = s.sampling.model_copy(update={"seed": seed_of(self.seed, "sample", step)})
        return self._passes.draw((step - 1) * s.prompts_per_step, s.prompts_per_step), sampling

    def _begin(self, step: int, weights_step: int) -> Pending:
        """Have the policy's samples of a step written by its weights as they are, after the step `weights_step`."""
        prompts, sampling = self._drawn(step)
        ids = [tuple(self.policy.encode_prompt(prompt)) for prompt in prompts]
        n = self.settings.group_size
        if self._open_remote is None:
            return Written(self.sampler.sample(ids, n, sampling), weights_step)
        weights = named_weights(self.policy.model, self.head if self.settings.values_while_sampling else None)
        if not is_first():
            return Elsewhere(lambda: Written([], weights_step))
        return Elsewhere(self._remote.begin(weights, weights_step, ids, n, sampling))

    @cached_property
    def _remote(self) -> RemoteSampler:
        """What samples elsewhere, opened by the first process when it is first asked."""
        assert self._open_remote is not None
        return self._open_remote()

    def scores(self, rollout: Rollout) -> Tensor:
        """What is learnt from, [B]: as `objective`, less `missing_eos_penalty` where a completion did not end."""
        return self.objective(rollout) - self.settings.missing_eos_penalty * (~rollout.stopped_B)

    def learnt_from(self, rollout: Rollout) -> LearntFrom:
        """The judge's scores and their components, at their cautious end where the settings say so."""
        s = self.settings
        groups = () if s.maxmin is None else s.maxmin.groups
        return s.learnt_from(rollout, groups=groups, limits=s.constraints)

    def objective(self, rollout: Rollout) -> Tensor:
        """The judge's scores, or those of its groups by their weights; and what constraints add, [B]."""
        learnt, maxmin = self.learnt_from(rollout), self.settings.maxmin
        score_B = learnt.score_B
        if maxmin is not None:
            score_B = maxmin.scores(learnt.components, self.state.setdefault("groups", {}))
        multipliers = self.state.setdefault("multipliers", {})
        return constrained(score_B, learnt.limited, self.settings.constraints, multipliers)

    def update_multipliers(self, rollout: Rollout) -> dict[str, float] | None:
        """Move the multipliers of constraints and the weights of groups; returns those this step was made with."""
        s, learnt = self.settings, self.learnt_from(rollout)
        groups, multipliers = (self.state.setdefault(each, {}) for each in ("groups", "multipliers"))
        used = {each.component: float(multipliers.get(each.component, each.initial)) for each in s.constraints}
        if s.maxmin is not None:
            used |= {f"group {name}": weight for name, weight in s.maxmin.weights(groups).items()}
            s.maxmin.update_weights(learnt.components, groups)
        update_multipliers(learnt.limited, s.constraints, multipliers)
        return used or None

    def updates(self, rollout: Rollout, step: int) -> Iterator[tuple[list[int], Tensor]]:
        """The sequences of each update of a step, and what their log-probabilities were before the first, [B, T].

        With dropout those are measured under the masks that the update's own pass then draws: ratios begin at 1.
        """
        minibatches = list(self.minibatches(rollout, step))
        old_BTs = [rollout.policy.logprob_BT.clone()] * len(minibatches)
        if self.settings.drops and not self.settings.single_update:
            old_BTs = [self._measured(rollout, rows, step, number) for number, rows in enumerate(minibatches)]
        for number, (rows, old_BT) in enumerate(zip(minibatches, old_BTs, strict=True)):
            self.draw_masks(step, number)
            yield rows, old_BT

    def draw_masks(self, step: int, number: int) -> None:
        """Have the coming pass draw the dropout of an update by its number within the step."""
        torch.manual_seed(seed_of(self.seed, "dropout", step, number, *rank_names()))

    @without_gradients
    def _measured(self, rollout: Rollout, rows: list[int], step: int, number: int) -> Tensor:
        self.draw_masks(step, number)
        logprob_BT = torch.zeros_like(rollout.policy.logprob_BT)
        for index, logprob_N, _ in self.forward(rollout, rows):
            logprob_BT[index] = logprob_N
        return logprob_BT

    def minibatches(self, rollout: Rollout, step: int) -> Iterator[list[int]]:
        """The sequences of each update of a step."""
        s = self.settings
        for epoch in range(s.epochs):
            order = shuffled(len(rollout.answers), self.seed, "minibatch", step, epoch)
            for part in range(s.minibatches):
                yield order[part :: s.minibatches]

    def forward(self, rollout: Rollout, rows: list[int]) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor, Tensor]]:
        """Where each token of `rows` stands in the rollout, its log-probability, and the state before it [N, D].

        Of the sequences that are this process's, where several share the step.
        """
        for batch in self.limits.pack(self.policy, [rollout.answers[row] for row in self.own_rows(rollout, rows)]):
            with self.settings.updating(self.policy):
                hidden_XD = batch.hidden(self.policy)
            temperature = self.settings.sampling.temperature
            tokens = token_logprobs(self.policy, batch, hidden_XD, temperature=temperature, entropy=False)
            yield positions(batch), tokens.logprob_N, hidden_XD[batch.source_N]

    def own_rows(self, rollout: Rollout, rows: list[int]) -> list[int]:
        """This process's share of some sequences, those of one prompt together."""
        if process_count() == 1:
            return rows
        together = sorted(rows, key=lambda row: (rollout.answers[row].prompt, row))
        return own_share(together, lambda row: length_of(rollout.answers[row]))

    def keep_measured(self, rollout: Rollout, rows: list[int]) -> None:
        """Give every process the policy's log-probabilities of `rows`, each of which was measured by one of them."""
        if rollout.measured is not None:
            rollout.measured.update(rows)
        if process_count() == 1:
            return
        own_BT = torch.zeros_like(rollout.policy.logprob_BT)
        own = self.own_rows(rollout, rows)
        own_BT[own] = rollout.policy.logprob_BT[own]
        rollout.policy.logprob_BT[rows] = sum_tensor(own_BT)[rows]

    def rows(self, rollout: Rollout, step: int) -> list[RolloutRow]:
        """What is kept of a step's samples."""
        s = self.settings
        low_B = self.learnt_from(rollout).score_B.tolist() if s.is_cautious and s.maxmin is None else None
        version = self.judge.version if isinstance(self.judge, MovingJudge) else None
        of_step = self._written.weights_step if self._notes_weights else None
        form: dict[str, Any] = {"reward_version": version, "weights_step": of_step}
        return rollout.rows(step, s.sampling.temperature, cautious_rewards=low_B, **form)

    @property
    def _notes_weights(self) -> bool:
        """Whether it has to be said by which weights samples were written: not always those of the step before."""
        return self._open_remote is not None or self.settings.steps_ahead > 0

    def step_metrics(self, rollout: Rollout, step: int, numbers: dict[str, Any]) -> OnlineMetrics:
        """What is logged of a step: the algorithm's `numbers` of its updates, and what all algorithms log.

        Moves multipliers and weights of groups (`update_multipliers`): the step ends here.
        """
        s = self.settings
        cautious = s.is_cautious and s.maxmin is None
        moving = self.judge if isinstance(self.judge, MovingJudge) else None
        handed_over = self.sampler.handed_over if isinstance(self.sampler, ServerSampler) else self._written.handover
        return OnlineMetrics(
            step=step,
            **rollout_metrics(rollout, on_policy=s.on_policy, has_reference=self.reference is not None),
            cautious_reward=float(self.learnt_from(rollout).score_B.mean()) if cautious else None,
            # Before `update_multipliers`: by the multipliers that this step was made with.
            frac_zero_std=frac_zero_std(self.scores(rollout), s.group_size),
            reward_version=None if moving is None else moving.version,
            labels=None if moving is None else moving.labels,
            hand_over_bytes=None if handed_over is None else handed_over.size,
            hand_over_seconds=None if handed_over is None else round(handed_over.seconds, 4),
            multipliers=self.update_multipliers(rollout),
            **self._way_of_samples(step),
            **numbers,
        )

    def _way_of_samples(self, step: int) -> dict[str, Any]:
        """What is logged of how a step's samples came about, where that is not at once and here."""
        written = self._written
        if not self._notes_weights:
            return {}
        return {
            "samples_lag": step - 1 - written.weights_step,
            "samples_wait": None if self._open_remote is None else round(self._waited, 3),
        }

    def save(self) -> None:
        """Keep the policy, and the value head beside it."""
        from safetensors.torch import save_file

        run, stage = self.loop.run, self.loop.stage
        self.settings.save_model(self.policy, self.start, run, stage=stage, seed=self.seed)
        if self.head is not None:
            with VALUE_HEAD.write(run, stage=stage) as folder:
                weights = {name: weight.detach().cpu().contiguous() for name, weight in self.head.state_dict().items()}
                save_file(weights, folder / "head.safetensors")

    def save_best(self) -> None:
        """Keep the best step's policy beside the last one's, where the run compares them."""
        run, stage = self.loop.run, f"{self.loop.stage}-best"
        value_of, by = run.retention.value_of, run.retention.by
        best = self.loop.take_up_best()
        if best is None or value_of is None:
            return
        value = value_of(self.loop.stage, best)
        assert value is not None
        self.settings.save_model(self.policy, self.start, run, stage=stage, seed=self.seed)
        BEST.write(run, BestStep(step=best, by=by, value=value), stage=stage)


Update = Callable[[OnlineTrainer, Rollout, int], dict[str, Any]]


def build_trainer(
    settings: Online,
    prompts: Sequence[Prompt],
    judge: Judge,
    run: RunDirectory,
    *,
    start: str | Path | None,
    stage: str,
    valued: bool = False,
    head_scale: float = 1.0,
    remote: Callable[[], RemoteSampler] | None = None,
) -> OnlineTrainer:
    """A trainer whose models live in this process, and its sampler unless it is a server or `remote` makes one.

    With a value head where `valued`.

    Samples are logged in `<stage>/samples.jsonl` where they are the policy's own, else in `<stage>/candidates.jsonl`.
    """
    initial = settings.resolve_start(start, prompts, stage=stage, lacking="no prompts to answer")
    seed = stage_seed(run, stage)
    policy = settings.open(initial, seed=seed, train=True)
    shard_model(policy)
    reference = settings.reference(policy, initial, seed=seed) if settings.needs_reference else None
    if reference is not None:
        shard_model(reference)
    share_prefix(policy, reference)
    policy.name = stage
    head = _value_head(policy, seed) if valued else None
    heads = list(head.parameters()) if head is not None else []
    updates = settings.max_steps * settings.epochs * settings.minibatches
    weights = [*policy.trainable(), *heads]
    optimiser = Optimiser(settings.optim, weights, updates, heads=heads, head_scale=head_scale)
    samples: JsonLines[Any] = SAMPLES if settings.on_policy else CANDIDATES
    steps: dict[str, Any] = {"total": settings.max_steps, "save_every": settings.save_every}
    loop = TrainingLoop(run, stage, optimiser, settings, **steps, samples=samples, model=policy.model)
    length = longest_of(policy, prompts, settings.sampling)
    return OnlineTrainer(
        settings,
        prompts,
        policy=policy,
        reference=reference,
        sampler=_sampler(settings, policy, reference, head),
        judge=judge,
        loop=loop,
        limits=stage_batch_limits(settings, policy, run, stage, longest=length),
        start=initial,
        head=head,
        remote=remote if settings.sampler is None else None,
    )


def _sampler(settings: Online, policy: CausalModel, reference: CausalModel | None, head: nn.Linear | None) -> Sampler:
    """Who writes the samples: the server, the policy, or the start where its texts are what is learnt from."""
    if settings.sampler is not None:
        return ServerSampler(settings.sampler, policy)
    if settings.on_policy or reference is None:
        return SharedSampler(policy, head if settings.values_while_sampling else None)
    return SharedSampler(reference)


def _value_head(policy: CausalModel, seed: int) -> nn.Linear:
    head = new_head(policy.width, seed=seed).to(policy.device)
    with torch.no_grad():
        head.weight.zero_()  # the first advantages are then the rewards themselves
    return head
