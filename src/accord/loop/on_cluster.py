"""The roles beside the learners that a stage of a run has on a cluster: its samplers and judges."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accord.interfaces import Judge
from accord.lm.causal import CausalModel
from accord.loop.stage import Context
from accord.policy.samples_ahead import RemoteSampler
from accord.recipe import Recipe
from accord.reward.learnt import LearntReward

if TYPE_CHECKING:
    from accord.cluster.judges import ClusterJudge
    from accord.cluster.samplers import ClusterSampler

__all__ = ["ClusterRoles"]


class ClusterRoles:
    """The samplers and judges of a stage; none where it is not worked on by a cluster, or the recipe asks for none.

    `open_policy` and `open_judge` are functions of a module, by which actors open what they work with: they are called
    with the run's `path`, the `stage` and its `prefix`.
    """

    def __init__(
        self, context: Context, open_policy: Callable[..., CausalModel], open_judge: Callable[..., Judge]
    ) -> None:
        self._context, self._engine = context, context.recipe.engine
        self._open_policy, self._open_judge = open_policy, open_judge
        self._actors: list[ClusterSampler | ClusterJudge] = []

    @property
    def remote_sampler(self) -> Callable[[], RemoteSampler] | None:
        """What opens the samplers of the policy."""
        return self._sampler if self._engine.samplers and self._is_there else None

    @property
    def has_judges(self) -> bool:
        """Whether judges of the cluster score: those that are models alone, each text by itself."""
        return self._engine.judges > 0 and self._is_there and _of_models(self._context.recipe)

    def judge(self) -> Judge:
        """The judge of the policy, as actors have it."""
        from accord.cluster.judges import ClusterJudge

        judge = ClusterJudge(self._engine, str(Path.cwd()), "reward", self._open_judge, self._arguments)
        self._actors.append(judge)
        return judge

    def close(self) -> None:
        """End the actors."""
        while self._actors:
            self._actors.pop().close()

    def _sampler(self) -> RemoteSampler:
        from accord.cluster.samplers import ClusterSampler

        sampler = ClusterSampler(self._engine, str(Path.cwd()), self._open_policy, self._arguments)
        self._actors.append(sampler)
        return sampler

    @property
    def _arguments(self) -> Mapping[str, Any]:
        context = self._context
        return {"path": context.run.path.resolve(), "stage": context.stage, "prefix": context.prefix}

    @property
    def _is_there(self) -> bool:
        """Whether this process is a learner of a cluster."""
        if self._engine.kind != "ray":
            return False
        from accord.cluster.connection import is_placed

        return is_placed()


def _of_models(recipe: Recipe) -> bool:
    """Whether what the policy learns from is learnt models, which score each text by itself."""
    rewards = [*([] if recipe.reward is None else [recipe.reward]), *recipe.rewards.values()]
    return bool(rewards) and all(isinstance(each, LearntReward) for each in rewards) and recipe.synchronous is None
