"""Recipes: what is wrong is named, with the nearest thing that is right."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import ExtensionError, RecipeError, StorageError
from accord.loop.preflight import preflight
from accord.policy import DPO, PPO
from accord.recipe import Recipe, dump, load, parse
from accord.reward import BradleyTerry, PythonReward

PPO_RECIPE = '[sft]\nbase = "tiny"\n[reward]\nbase = "tiny"\n[policy]\nkind = "ppo"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[policy]\nkind = "dpo"\nbate = 0.1', "recipe.policy.bate: no such field; did you mean 'beta'?"),
        ("[data]\njudge = 0.4", "recipe.data.judge: renamed to eval_reward"),
        ("[reward]\nmembers = 4", "recipe.reward.members: renamed to ensemble_size"),
        (
            "[reward]\nmembers = 4\nby = 'pool'",
            "recipe.reward.members: renamed to ensemble_size; recipe.reward.by: renamed to group_by",
        ),
        ("[evaluate.judge]\nby = 'pool'", "recipe.evaluate.judge.by: renamed to group_by"),
        ("[evaluate]\nsamples = 4", "recipe.evaluate.samples: renamed to samples_per_prompt"),
        ('[reward]\nkind = "bradly_terry"', "recipe.reward.kind: unknown kind of reward 'bradly_terry'; did you mean"),
        (
            '[rewards.short]\nkind = "pyhton"',
            "recipe.rewards.short.kind: unknown kind of reward 'pyhton'",
        ),
        (
            '[rewards.short]\nkind = "python"\npath = "a.py"',
            "recipe.rewards.short.path: 'a.py' does not name a file",
        ),
        ("[rewards.short]\nepoch = 2", "recipe.rewards.short.epoch: no such field; did you mean 'epochs'?"),
        ("[rewards.Short]\nepochs = 2", "recipe.rewards.Short"),
        ('extensions = "a.py"', "recipe.extensions: not a list of files"),
        ('extensions = ["a/x.py", "b/x.py"]', "recipe.extensions: two files are called x.py; rename one"),
        ("[rewrad]\nepochs = 1", "recipe.rewrad: no such field; did you mean 'reward'?"),
        ("[reward.optim]\nlearning = 1", "recipe.reward.optim.learning: no such field"),
        ("[reward.optim]\nwarmup = 1", "recipe.reward.optim.warmup: renamed to warmup_steps"),
        (
            '[sft]\n[policy]\nkind = "dpo"\noptim = { decay = "linear" }',
            "recipe.policy.optim.decay: renamed to lr_schedule",
        ),
        ("[evaluate.judge]\nepoch = 1", "recipe.evaluate.judge.epoch: no such field; did you mean 'epochs'?"),
        ("[reward]\nepochs = 'many'", "recipe.reward.epochs: "),
        ("[reward]\nepochs = -1", "recipe.reward.epochs: "),
        ('[policy]\nkind = "pop"', "recipe.policy"),
        ("seed = ", "not TOML"),
        ("[data]\ntrain = 0.5\neval_reward = 0.5\nheld_out = 0.5", "sum to 1.5"),
        ('[data]\nsource = "packaged"', "source and format go together"),
        ("[data]\nraking = true", "data.population: missing; raking needs shares"),
        ("[data.population.age]\nold = 0.4", "the shares sum to 0.4"),
        (
            "[data]\nraking = true\n[data.population.age]\nold = 0.0\nyoung = 1.0",
            "recipe.data.population.age.old: a share of 0",
        ),
        ("[data.pools]\nexpert = 0.0", "recipe.data.pools.expert"),
        ('[data]\ntrust = "one-coin"', "'one-coin' is not one of control, one_coin, dawid_skene, none"),
        ('[sft]\n[policy]\nkind = "ppo"', "ppo needs a judge"),
        ('[sft]\n[policy]\nkind = "curated"', "curated needs a judge"),
        ('[sft]\n[policy]\nkind = "conditional"', "conditional needs a judge"),
        ('[sft]\n[policy]\nkind = "abstaining"\ngrade = "judge"', "abstaining needs a judge"),
        ('[sft]\n[policy]\nkind = "abstaining"\nright = -2', "worth more than a wrong one"),
        ('[sft]\n[policy]\nkind = "context_distillation"', "recipe.policy.context: "),
        ('[policy]\nkind = "dpo"', "recipe.policy.base: missing"),
        ('[policy]\nkind = "ppo"\ntrace = 0.9', "recipe.policy.trace: renamed to gae_lambda"),
        ('[policy]\nkind = "group_soup"\ngroup = 4', "recipe.policy.group: renamed to group_size"),
        ('[policy]\nkind = "rloo"\nconstraints = [{ part = "length" }]', "constraints.0.part: renamed to component"),
        ("[policy]\nbeta = 0.1", "recipe.policy.kind: missing; one of sft, ppo,"),
        ("[sft]\nbatch = 4", "recipe.sft.batch: renamed to batch_size"),
        ("[sft.lora]\nranks = 3", "recipe.sft.lora.ranks: no such field; did you mean 'rank'?"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kind_picks_the_class() -> None:
    assert isinstance(parse(PPO_RECIPE).policy, PPO)
    assert isinstance(parse(PPO_RECIPE.replace("ppo", "dpo")).policy, DPO)
    assert isinstance(parse(PPO_RECIPE).reward, BradleyTerry)


def test_values_beside_the_file_override_it() -> None:
    recipe = parse(
        PPO_RECIPE, {"policy.kl_coef": "0.25", "policy.optim.lr": "1e-3", "reward.base": "my/model", "seed": "3"}
    )
    assert isinstance(recipe.policy, PPO)
    assert recipe.policy.kl_coef == 0.25
    assert recipe.policy.optim.lr == 1e-3
    assert recipe.reward is not None
    assert recipe.reward.base == "my/model"
    assert recipe.seed == 3
    with pytest.raises(RecipeError, match=r"recipe\.policy\.kl_coeff: no such field; did you mean 'kl_coef'"):
        parse(PPO_RECIPE, {"policy.kl_coeff": "1"})
    with pytest.raises(RecipeError, match="'kind' is a value"):
        parse(PPO_RECIPE, {"policy.kind.x": "1"})


@given(kl=st.floats(0, 2), lr=st.floats(1e-7, 1), steps=st.integers(1, 99), rank=st.none() | st.integers(1, 64))
def test_a_dumped_recipe_reads_back(kl: float, lr: float, steps: int, rank: int | None) -> None:
    overrides = {"policy.kl_coef": repr(kl), "policy.optim.lr": repr(lr), "policy.max_steps": str(steps)}
    if rank is not None:
        overrides["policy.lora.rank"] = str(rank)
    recipe = parse(PPO_RECIPE, overrides)
    assert parse(dump(recipe)) == recipe


def test_an_empty_recipe_is_a_recipe() -> None:
    assert parse("") == Recipe()


def test_a_missing_file_is_one_line() -> None:
    with pytest.raises(StorageError, match="no such file"):
        load("/nowhere/recipe.toml")


def test_named_rewards_and_extensions_read_back(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("LOADED = True\n")
    text = (
        'extensions = ["mine.py"]\n[rewards.brief]\nkind = "python"\npath = "brief.py:score"\n'
        '[rewards.kind]\nepochs = 2\n[evaluate.judge]\nkind = "python"\npath = "judge.py:score"\n'
    )
    (tmp_path / "recipe.toml").write_text(text)
    recipe = load(tmp_path / "recipe.toml")
    assert recipe.extensions == (str(tmp_path / "mine.py"),)
    assert recipe.rewards["brief"] == PythonReward(path=f"{tmp_path}/brief.py:score")
    assert recipe.rewards["kind"] == BradleyTerry(epochs=2)
    assert parse(dump(recipe)) == recipe
    assert preflight(recipe).problems[-2:] == (
        f"recipe.rewards.brief.path: no file {tmp_path}/brief.py",
        f"recipe.evaluate.judge.path: no file {tmp_path}/judge.py",
    )


def test_a_named_reward_is_something_to_learn_from() -> None:
    policy = '[sft]\nbase = "tiny"\n[policy]\nkind = "ppo"\n'
    assert parse(f"{policy}[rewards.brief]\nepochs = 1").policy is not None
    with pytest.raises(RecipeError, match="ppo needs a judge"):
        parse(policy)


def test_an_extension_that_cannot_be_loaded_is_said_before_the_recipe_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0\n")
    (tmp_path / "recipe.toml").write_text('extensions = ["mine.py"]\n[nonsense]\n')
    with pytest.raises(ExtensionError, match=r"mine.py:1: ZeroDivisionError"):
        load(tmp_path / "recipe.toml")


# -- another kind on the command line ----------------------------------------------------------------------------

WITH_PPO = """
[sft]
base = "tiny"

[reward]
base = "tiny"

[policy]
kind = "ppo"
kl_coef = 0.1
max_steps = 4
optim = { lr = 1e-4 }
"""


def test_another_kind_drops_the_keys_that_only_the_first_one_had_and_says_which() -> None:
    said: list[str] = []
    settings = parse(WITH_PPO, {"policy.kind": "dpo", "policy.beta": "0.3"}, say=said.append)
    assert settings.policy is not None
    assert (settings.policy.kind, settings.policy.beta, settings.policy.optim.lr) == ("dpo", 0.3, 1e-4)  # type: ignore[attr-defined]
    assert said == [
        "recipe.policy.kl_coef is left out: kind 'dpo' has no such key",
        "recipe.policy.max_steps is left out: kind 'dpo' has no such key",
    ]
    said.clear()
    grpo = parse(WITH_PPO, {"policy.kind": "grpo"}, say=said.append)
    assert grpo.policy is not None
    assert grpo.policy.kl_coef == 0.1  # type: ignore[attr-defined]
    assert said == []


def test_a_key_that_nobody_has_is_no_less_an_error_with_another_kind() -> None:
    with pytest.raises(RecipeError, match=r"policy\.klcoef"):
        parse(WITH_PPO.replace("kl_coef", "klcoef"), {"policy.kind": "dpo"})
    with pytest.raises(RecipeError, match=r"policy\.max_steps"):  # given beside the file, for the new kind
        parse(WITH_PPO, {"policy.kind": "dpo", "policy.max_steps": "5"})
    with pytest.raises(RecipeError, match=r"policy\.kind: unknown algorithm 'dpoo'"):
        parse(WITH_PPO, {"policy.kind": "dpoo"})


def test_another_kind_of_reward_and_judge() -> None:
    said: list[str] = []
    text = WITH_PPO + '[evaluate.judge]\nbase = "tiny"\n[rewards.other]\nbase = "tiny"\nlayers = 1\n'
    wanted = {"rewards.other.kind": "length", "rewards.other.target": "9", "evaluate.judge.kind": "length"}
    settings = parse(text, wanted | {"evaluate.judge.target": "9"}, say=said.append)
    assert settings.rewards["other"].kind == "length"
    assert len(said) == 3
