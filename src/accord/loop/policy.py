"""The supervised start and the policy: what an algorithm learns from, taken from what earlier stages left."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from os.path import relpath
from pathlib import Path

from accord.artefacts import ALGORITHM, MODEL, REWARD_UPDATES, AlgorithmRow
from accord.errors import ModelError, RecipeError
from accord.feedback import Dataset, read_data
from accord.interfaces import Judge, Scores, Step
from accord.lm.causal import CausalModel
from accord.loop.earlier_round import earlier_round, goes_back
from accord.loop.named_code import recipe_of
from accord.loop.on_cluster import ClusterRoles
from accord.loop.processes import make_steps
from accord.loop.rewards import policy_judge
from accord.loop.stage import Context, in_run
from accord.loop.synchronous import SynchronousReward
from accord.policy.materials import Materials
from accord.policy.samples_ahead import RemoteSampler
from accord.policy.settings import PolicySettings
from accord.policy.shared_scores import JudgeOfAll
from accord.records import Completion, Prompt
from accord.report.words import count
from accord.reward.dense import with_credits
from accord.reward.learnt import LearntReward
from accord.run import FollowedRun, InputEntry, digest_of_folder
from accord.train import stage_seed
from accord.train.ranks import is_first, process_count

__all__ = [
    "RunMaterials",
    "compared_with",
    "going_back",
    "judge_of",
    "policy",
    "policy_steps",
    "sft",
    "sft_steps",
    "start_of",
]


def sft(context: Context) -> None:
    """The supervised start."""
    make_steps(context, context.recipe.sft, sft_steps)


def sft_steps(context: Context) -> Iterator[Step]:
    """The steps of the supervised start."""
    settings = context.recipe.sft
    assert settings is not None
    return settings.train_on(RunMaterials(context).examples, context.run, stage=context.stage)


def policy(context: Context) -> None:
    """The policy, by the algorithm that the recipe names."""
    settings = context.recipe.policy
    if settings is None:
        raise RecipeError("recipe.policy: missing")
    make_steps(context, settings, policy_steps, shared=context.recipe.synchronous is None)
    sentence = settings.sentence + _meanwhile(context)
    ALGORITHM.write(context.run, AlgorithmRow(kind=settings.kind, sentence=sentence), stage=context.stage)


def _meanwhile(context: Context) -> str:
    """How the report tells that the reward went on while the policy learnt; empty where it did not."""
    if not REWARD_UPDATES.has(context.run, context.stage):
        return ""
    rows = list(REWARD_UPDATES.read(context.run, context.stage))
    times, labels = sum(row.learnt for row in rows), sum(row.labels for row in rows)
    learnt = f"the reward learnt of them {count(times, 'time')}" if times else "the reward stayed as it was"
    return (
        f", while {count(labels, 'answer')} on its newest texts {'was' if labels == 1 else 'were'} given and {learnt}"
    )


def policy_steps(context: Context) -> Iterator[Step]:
    """The steps of the policy."""
    settings = going_back(context, context.recipe.policy)
    assert settings is not None
    materials = RunMaterials(context)
    try:
        yield from settings.steps(materials, context.run, stage=context.stage)
    finally:
        materials.roles.close()


def going_back(context: Context, settings: PolicySettings | None) -> PolicySettings | None:
    """The settings, with another base where the round found its reward wrong and the policy goes back."""
    round_ = context.recipe.round
    if settings is None or round_ is None or round_.policy != "continue" or not goes_back(context.reader, round_):
        return settings
    with earlier_round(round_) as earlier:
        start = earlier.start
    if Path(start).is_dir():
        place = relpath(Path(start).resolve(), context.run.path.resolve())
        context.run.record_input(f"{context.stage}.start", InputEntry(digest_of_folder(Path(start)), place))
    context.progress.say(f"  {context.stage}: goes back to {start}, since what moved it on was found to be wrong")
    changes: dict[str, object] = {"base": str(start)}
    if optim := getattr(settings, "optim", None):  # its moments are of weights that are left behind
        changes["optim"] = optim.model_copy(update={"moments_from": None})
    return settings.model_copy(update=changes)


def start_of(context: Context) -> Path | str:
    """What the policy starts from: its own base, else the supervised start."""
    recipe, stage = context.recipe, context.beside("sft")
    supervised = context.run.path / MODEL.path(stage) if recipe.sft is not None else None
    start = supervised if recipe.policy is None else recipe.policy.starts_from(supervised)
    if start is None:
        raise RecipeError("recipe.policy.base: missing; name a model, or add an [sft] section")
    return MODEL.verified(context.run, stage) if start == supervised else start


def compared_with(context: Context) -> Path | str:
    """What the policy is held near and compared with: its reference where it names one, else what it starts from."""
    policy = context.recipe.policy
    named = None if policy is None else policy.reference_model
    return start_of(context) if named is None else named


class ElsewhereJudge:
    """The judge of a policy as processes have it that ask the first one for its scores."""

    name = "reward"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """Raises `ModelError`."""
        raise ModelError("the judge is in the first process, which scores all texts")


class RunMaterials(Materials):
    """What earlier stages of a run left for the policy to learn from."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.roles = ClusterRoles(context, open_policy, open_judge)

    @property
    def remote_sampler(self) -> Callable[[], RemoteSampler] | None:
        """The samplers of a cluster, where the run is worked on by one that has some."""
        return self.roles.remote_sampler

    @cached_property
    def start(self) -> str | Path | None:
        """The supervised start, or the base that the recipe names."""
        return start_of(self._context)

    @cached_property
    def data(self) -> Dataset:
        """The data set of the run."""
        return read_data(self._context.run, prefix=self._context.prefix)

    @cached_property
    def judge(self) -> Judge:
        """What the policy learns from; where its rewards are dense, it says where in a text they are earned.

        Where several processes train, each has one that is a model alone; any other the first one alone, so that what
        a text is worth is asked once.
        """
        recipe = self._context.recipe
        if recipe.synchronous is not None:
            return SynchronousReward(self._context)
        elsewhere = self.roles.has_judges
        of_all = isinstance(recipe.reward, LearntReward) and recipe.combine is None and not recipe.rewards
        if (elsewhere or not of_all) and not is_first():
            return ElsewhereJudge()
        if elsewhere:
            return self.roles.judge()
        judge = judge_of(self._context)
        return JudgeOfAll(judge) if of_all and process_count() > 1 else judge


def judge_of(context: Context) -> Judge:
    """What the policy learns from; where its rewards are dense, it says where in a text they are earned.

    Raises `RecipeError` where the recipe has no reward.
    """
    policy, judge = context.recipe.policy, policy_judge(context)
    if judge is None:
        return Materials().judge
    return with_credits(judge) if policy is not None and policy.needs_credits else judge


# -- what actors of a cluster open ---------------------------------------------------------------------------------


def open_policy(path: Path, stage: str, prefix: str) -> CausalModel:
    """The policy of a stage as it is before its first step, with the weights that training moves."""
    with _followed(path, stage, prefix) as context:
        settings = going_back(context, context.recipe.policy)
        initial = None if settings is None else settings.starts_from(RunMaterials(context).start)
        if settings is None or initial is None:
            raise RecipeError(f"{stage}: no model to start from")
        return settings.open(initial, seed=stage_seed(context.run, stage), train=True)


def open_judge(path: Path, stage: str, prefix: str) -> Judge:
    """The judge of the policy of a stage."""
    with _followed(path, stage, prefix) as context:
        return judge_of(context)


@contextmanager
def _followed(path: Path, stage: str, prefix: str) -> Iterator[Context]:
    with FollowedRun.open(path, write=False) as run:
        yield Context(in_run(recipe_of(run, trusted=True), run), run, stage=stage, prefix=prefix)
