"""What every algorithm that learns from its own samples does in a step: sample, have them judged, measure, update.

`OnlineTrainer` holds the models and does all of it but the update, which is the algorithm's (`accord.policy.gradient`,
`accord.policy.ppo`, `accord.policy.ranked`).
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from accord.errors import TrainingStopped
from accord.interfaces import Judge
from accord.lm.logprobs import token_logprobs
from accord.lm.optim import Optim, Optimiser
from accord.lm.packed import pack
from accord.lm.reward_model import new_head
from accord.lm.training import Progress, seed_of, shuffled
from accord.policy.constraints import Constraint, constrained, update_multipliers
from accord.policy.maxmin import MaxMin
from accord.policy.rollout import Rollout, generate_rollouts, longest_of, positions, prompts_of_step
from accord.policy.settings import PolicySettings
from accord.records import Prompt, Sampling
from accord.run import RunDirectory

__all__ = ["Dense", "Online", "OnlineStep", "OnlineTrainer"]


@dataclass(frozen=True)
class OnlineStep:
    """One step of online training; what an algorithm does not have is None.

    `reward` is the judge's mean score, `kl` nats a sequence to the reference (`kl_se` its error). `ratio` is the mean
    probability of the sampled tokens under the trainer over that under the sampler, before the first update.
    `clip_frac` is the share of tokens whose update was clipped, `frac_zero_std` that of groups whose scores were all
    equal. `entropy` is nats a token: exact where the policy was measured before its update, else the mean of -log p.
    Where the samples are not the policy's own, `kl`, `entropy` and `ratio` are None. `components` are the means of the
    components of the judge's scores, `multipliers` what constraints (by component) and the groups of maxmin
    (`group <name>`) counted in this step.
    """

    step: int
    total: int
    reward: float
    reward_std: float
    kl: float | None
    kl_se: float | None
    entropy: float | None
    clip_frac: float
    policy_loss: float
    grad_norm: float
    length: float
    stop_rate: float
    ratio: float | None
    lr: float
    seconds: float
    frac_zero_std: float | None = None
    kl_coef: float | None = None
    value_loss: float | None = None
    explained_variance: float | None = None
    pretrain_loss: float | None = None
    components: dict[str, float] | None = None
    multipliers: dict[str, float] | None = None

    def row(self) -> dict[str, Any]:
        """The line of the run's log."""
        return {name: value for name, value in vars(self).items() if name != "total"}


class Online(PolicySettings):
    """Settings that all online algorithms share."""

    renamed: ClassVar[Mapping[str, str]] = {
        "group": "group_size",
        "kl": "kl_coef",
        "prompts": "prompts_per_step",
        "stop_kl": "max_kl",
        "unstopped": "missing_eos_penalty",
    }

    max_steps: int = Field(default=24, ge=1)
    prompts_per_step: int = Field(default=8, ge=1, description="prompts a step")
    group_size: int = Field(default=8, ge=1, description="samples of each prompt")
    sampling: Sampling = Sampling(max_tokens=48)
    epochs: int = Field(default=1, ge=1, description="passes over a step's samples")
    minibatches: int = Field(default=1, ge=1, description="updates a pass")
    missing_eos_penalty: float = Field(
        default=1.0, ge=0, description="taken off the score of a completion that did not end"
    )
    constraints: tuple[Constraint, ...] = Field(default=(), description="limits on parts of the judge's scores")
    maxmin: MaxMin | None = Field(default=None, description="groups of people, the worst served of which counts most")
    max_kl: float = Field(default=200.0, gt=0, description="nats a sequence: training stops itself beyond it")
    save_every: int = Field(default=6, ge=1)
    optim: Optim = Optim(lr=1e-5, warmup_steps=2, lr_schedule="constant")

    @property
    def single_update(self) -> bool:
        """Whether a step makes one update, whose forward pass is then the only one."""
        return self.epochs == self.minibatches == 1

    @property
    def on_policy(self) -> bool:
        """Whether the samples are the policy's own; else the start's."""
        return True

    @property
    def needs_reference(self) -> bool:
        """Whether a reference is needed."""
        return True

    @property
    def needs_old_logprobs(self) -> bool:
        """Whether samples are measured before the update."""
        return not self.single_update

    @abstractmethod
    def update(self, trainer: "OnlineTrainer", rollout: Rollout, step: int) -> dict[str, Any]:
        """The updates of one step, and the means of their numbers."""

    def steps(
        self,
        prompts: Sequence[Prompt],
        judge: Judge,
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        stage: str = "policy",
    ) -> Iterator[OnlineStep]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`; leaves `<stage>/model`.

        `start` is the policy's beginning and its reference. Raises `RecipeError` where something to start from is
        missing, `TrainingStopped` where a number leaves its bounds.
        """
        yield from OnlineTrainer(self, prompts, run, start=start, stage=stage).train(prompts, judge, self.update)


class Dense(Online):
    """Settings of algorithms that can give each token what it earns itself."""

    dense: bool = Field(
        default=False,
        description="the judge's score where it says it is earned (its `credits`), not all of it at the end",
    )


class OnlineTrainer:
    """The models of an online run, and the parts of a step. `head` reads values where `valued`.

    The samples are the policy's own and kept in `<stage>/samples.jsonl`, or the start's, in `<stage>/candidates.jsonl`.
    """

    def __init__(
        self,
        settings: Online,
        prompts: Sequence[Prompt],
        run: RunDirectory,
        *,
        start: str | Path | None,
        stage: str,
        valued: bool = False,
        head_scale: float = 1.0,
    ) -> None:
        begin = settings.resolve_start(start, prompts, stage=stage, lacking="no prompts to answer")
        self.settings, self.begin, self.run, self.stage = settings, begin, run, stage
        self.seed = seed_of(run.seed, stage)
        self.policy = settings.open(begin, seed=self.seed, train=True)
        self.reference = settings.reference(self.policy, begin, seed=self.seed) if settings.needs_reference else None
        self.policy.name = stage
        self.head = self._head() if valued else None
        heads = list(self.head.parameters()) if self.head is not None else []
        updates = settings.max_steps * settings.epochs * settings.minibatches
        weights = [*self.policy.trainable(), *heads]
        self.optimiser = Optimiser(settings.optim, weights, updates, heads=heads, head_scale=head_scale)
        logs = ("metrics", "samples" if settings.on_policy else "candidates")
        self.progress = Progress(run, stage, self.optimiser, save_every=settings.save_every, logs=logs)
        length = longest_of(self.policy, prompts, settings.sampling)
        self.batches = settings.batches(self.policy, length, run, stage=stage)

    def _head(self) -> nn.Linear:
        head = new_head(self.policy.width, seed=self.seed).to(self.policy.device)
        with torch.no_grad():
            head.weight.zero_()  # the first advantages are then the rewards themselves
        return head

    @property
    def state(self) -> dict[str, Any]:
        """What an algorithm remembers from step to step; it is kept with the checkpoints."""
        return self.progress.extra

    def train(self, prompts: Sequence[Prompt], judge: Judge, update: "Update") -> Iterator[OnlineStep]:
        """The steps that are still to be done, each of whose updates is `update`'s; then what was made is kept."""
        s = self.settings
        with self.progress.guarded():
            for step in range(self.progress.start + 1, s.max_steps + 1):
                began = monotonic()
                rollout = self.generate_rollouts(prompts, judge, step, old_logprobs=s.needs_old_logprobs)
                numbers = update(self, rollout, step)
                done = OnlineStep(**numbers, **self.step_metrics(rollout, step, began))
                self.progress.done(step, [done.row()], rollout.rows(step, s.sampling.temperature))
                yield done
        self.save()

    def generate_rollouts(self, prompts: Sequence[Prompt], judge: Judge, step: int, *, old_logprobs: bool) -> Rollout:
        """The samples of a step, judged, and measured where they are the policy's own.

        Raises `TrainingStopped` where their KL to the reference is above `max_kl`: no weight has moved in this step.
        """
        s = self.settings
        sampling = s.sampling.model_copy(update={"seed": seed_of(self.seed, "sample", step)})
        self.policy.model.eval()
        asked = prompts_of_step(prompts, step, s.prompts_per_step, self.seed)
        if not s.on_policy:
            assert self.reference is not None
            return generate_rollouts(self.reference, None, judge, asked, s.group_size, sampling, old_logprobs=False)
        dense = isinstance(s, Dense) and s.dense
        more: dict[str, Any] = {"head": self.head, "old_logprobs": old_logprobs, "dense": dense}
        made = generate_rollouts(self.policy, self.reference, judge, asked, s.group_size, sampling, **more)
        if (kl := float(made.kl_B.mean())) > s.max_kl:  # NaN where there is no reference
            raise TrainingStopped(
                f"the KL to the reference became {kl:.1f} nats a sequence at step {step}, above max_kl = "
                f"{s.max_kl:g}; lower optim.lr, raise kl_coef, or raise max_kl"
            )
        return made

    def scores(self, rollout: Rollout) -> Tensor:
        """What is learnt from, [B]: as `objective`, less `missing_eos_penalty` where a completion did not end."""
        return self.objective(rollout) - self.settings.missing_eos_penalty * (~rollout.stopped_B)

    def objective(self, rollout: Rollout) -> Tensor:
        """The judge's scores, or those of its groups by their weights; and what constraints add, [B]."""
        score_B, maxmin = rollout.score_B, self.settings.maxmin
        if maxmin is not None:
            score_B = maxmin.scores(rollout.components, self.state.setdefault("groups", {}))
        multipliers = self.state.setdefault("multipliers", {})
        return constrained(score_B, rollout.components, self.settings.constraints, multipliers)

    def update_multipliers(self, rollout: Rollout) -> dict[str, float] | None:
        """Move the multipliers of constraints and the weights of groups; returns those this step was made with."""
        s = self.settings
        groups, multipliers = (self.state.setdefault(each, {}) for each in ("groups", "multipliers"))
        used = {each.component: float(multipliers.get(each.component, each.initial)) for each in s.constraints}
        if s.maxmin is not None:
            used |= {f"group {name}": weight for name, weight in s.maxmin.weights(groups).items()}
            s.maxmin.update_weights(rollout.components, groups)
        update_multipliers(rollout.components, s.constraints, multipliers)
        return used or None

    def minibatches(self, rollout: Rollout, step: int) -> Iterator[list[int]]:
        """The sequences of each update of a step."""
        s = self.settings
        for epoch in range(s.epochs):
            order = shuffled(len(rollout.answers), self.seed, "minibatch", step, epoch)
            for part in range(s.minibatches):
                if rows := order[part :: s.minibatches]:
                    yield rows

    def forward(self, rollout: Rollout, rows: list[int]) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor, Tensor]]:
        """Where each token of `rows` stands in the rollout, its log-probability, and the state before it [N, D]."""
        self.policy.model.train()
        for batch in pack(self.policy, [rollout.answers[row] for row in rows], **vars(self.batches)):
            hidden_XD = batch.hidden(self.policy)
            temperature = self.settings.sampling.temperature
            found = token_logprobs(self.policy, batch, hidden_XD, temperature=temperature, entropy=False)
            yield positions(batch), found.logprob_N, hidden_XD[batch.source_N]

    def step_metrics(self, rollout: Rollout, step: int, began: float) -> dict[str, Any]:
        """The end of a step, whatever the algorithm: adapt, and tell what is logged of it."""
        kl_B = rollout.kl_B if self.settings.on_policy and self.reference is not None else None
        lengths_B = rollout.mask_BT.sum(1).float()
        group = self.settings.group_size
        # Before `update_multipliers`: by the multipliers that this step was made with.
        frac_zero_std = _frac_zero_std(self.scores(rollout), group) if group > 1 else None
        components = {
            name: float(component_B.mean()) for name, component_B in rollout.components.items() if name != "length"
        }
        multipliers = self.update_multipliers(rollout)
        return {
            "step": step,
            "total": self.settings.max_steps,
            "reward": float(rollout.score_B.mean()),
            "reward_std": float(rollout.score_B.std()),
            "kl": None if kl_B is None else float(kl_B.mean()),
            "kl_se": None if kl_B is None else float(kl_B.std() / len(kl_B) ** 0.5),
            "entropy": rollout.entropy if self.settings.on_policy else None,
            "length": float(lengths_B.mean()),
            "stop_rate": float(rollout.stopped_B.float().mean()),
            "ratio": rollout.ratio if self.settings.on_policy else None,
            "frac_zero_std": frac_zero_std,
            "components": components or None,
            "multipliers": multipliers,
            "seconds": round(monotonic() - began, 3),
        }

    def save(self) -> None:
        """The policy, and the value head beside it."""
        from safetensors.torch import save_file

        self.settings.save_model(self.policy, self.begin, self.run, stage=self.stage, seed=self.seed)
        if self.head is not None:
            with self.run.write_folder(f"{self.stage}/value", stage=self.stage) as folder:
                weights = {name: weight.detach().cpu().contiguous() for name, weight in self.head.state_dict().items()}
                save_file(weights, folder / "head.safetensors")
        self.progress.finish()


Update = Callable[[OnlineTrainer, Rollout, int], dict[str, Any]]


def _frac_zero_std(score_B: Tensor, group: int) -> float:
    score_PG = score_B.view(-1, group)
    return float((score_PG == score_PG[:, :1]).all(1).float().mean())
