"""A head for each group of people, and where in a text a reward is earned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.reward_model_files import load_reward_model
from accord.records import Completion, Evaluator, Pair, Prompt
from accord.reward import BradleyTerry, ByToken, score_split
from accord.reward.heads import Heads
from accord.reward.likelihoods import bradley_terry
from accord.reward.observations import Observation, of_pair
from accord.reward.terms.comparisons import Comparisons
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

SETTINGS = BradleyTerry(
    base="tiny",
    dtype="float32",
    epochs=30,
    step_completions=16,
    optim=Optim(lr=5e-3, warmup_steps=3),
    head_lr_scale=1,
    group_by="taste",
)


def of_groups(group_by: str) -> BradleyTerry:
    return SETTINGS.model_copy(update={"group_by": group_by})


def opposed() -> Dataset:
    """The letters' pairs, each judged by one who likes the letter a and by one who likes the other one."""
    data = letters_dataset(prompts=12)
    likes, dislikes = (
        Evaluator(kind="simulated", pseudonym=f"one-who-{taste}", attributes={"taste": taste})
        for taste in ("likes", "dislikes")
    )

    def both(pair: Pair) -> tuple[Pair, Pair]:
        turned = {"chosen": pair.rejected, "rejected": pair.chosen, "evaluator": dislikes.id}
        return pair.model_copy(update={"evaluator": likes.id}), pair.model_copy(update=turned)

    pairs = {name: tuple(each for pair in some for each in both(pair)) for name, some in data.pairs.items()}
    return replace(data, pairs=pairs, evaluators={likes.id: likes, dislikes.id: dislikes})


def test_each_group_has_its_own_reward_and_the_score_is_their_mean(tmp_path: Path) -> None:
    data = opposed()
    with RunDirectory.create(tmp_path / "run") as run:
        steps = list(SETTINGS.steps(data, run))
        judge = SETTINGS.load(run)
    assert judge.components == ("dislikes", "likes")
    asked = [each for each in data.completions.values() if data.split_of[each.prompt] == "held_out"]
    scores = judge.score([data.prompts[each.prompt] for each in asked], asked)
    amount = np.array([each.text.count("a") / len(each.text) for each in asked])
    assert np.corrcoef(scores.components["likes"].value_N, amount)[0, 1] > 0.8
    assert np.corrcoef(scores.components["dislikes"].value_N, amount)[0, 1] < -0.8
    assert scores.value_N == pytest.approx(
        (scores.components["likes"].value_N + scores.components["dislikes"].value_N) / 2
    )
    assert scores.std_N is None  # groups are no ensemble
    assert steps[-1].metrics.accuracy is not None
    assert steps[-1].metrics.accuracy > 0.8  # by the head of whoever judged


def test_an_ensemble_for_each_group_keeps_both_apart(tmp_path: Path) -> None:
    data = opposed()
    with RunDirectory.create(tmp_path / "run") as run:
        judge = SETTINGS.model_copy(update={"ensemble_size": 3}).fit(data, run)
    assert (judge.components, judge.members, len(judge.mean_M)) == (("dislikes", "likes"), 3, 6)
    asked = [each for each in data.completions.values() if data.split_of[each.prompt] == "held_out"]
    scores = judge.score([data.prompts[each.prompt] for each in asked], asked)
    amount = np.array([each.text.count("a") / len(each.text) for each in asked])
    assert np.corrcoef(scores.components["likes"].value_N, amount)[0, 1] > 0.8
    assert np.corrcoef(scores.components["dislikes"].value_N, amount)[0, 1] < -0.8
    for part in (scores, *scores.components.values()):
        assert part.members_NS is not None
        assert part.members_NS.mean(1) == pytest.approx(part.value_N)
        assert part.std_N == pytest.approx(part.members_NS.std(1, ddof=1))


def observed(*evaluators: str | None) -> list[Observation]:
    pairs = [Pair(prompt="p-1", chosen="c-1", rejected="c-2", weight=2.0, evaluator=name) for name in evaluators]
    return [of_pair(pair) for pair in pairs]


def test_who_is_of_no_known_group_teaches_all_heads() -> None:
    """The likelihoods are those of the groups' own scores; of nobody's group, the mean of all."""
    heads = Heads(names=("x", "y"), group_of={"e-1": "x", "e-2": None})
    score_AM = torch.tensor([[1.0, -2.0], [0.5, 1.0]])
    nll_O = heads.nll(Comparisons(), score_AM, observed("e-1", "e-2", None), [[0, 1]] * 3)
    own, other = (bradley_terry(torch.tensor(margin), torch.tensor(False)).item() for margin in (0.5, -3.0))
    assert nll_O.tolist() == pytest.approx([2 * own, own + other, own + other])
    margins = heads.margins(Comparisons(), score_AM, observed("e-1", "e-2", None), [[0, 1]] * 3)
    assert margins is not None
    assert margins[0].tolist() == [0.5, -1.25, -1.25]


def test_readings_by_component_agree_with_every_head_weighed(tmp_path: Path) -> None:
    """Each observation reads its own component's scores; slower, all heads' likelihoods weighed by who said it."""
    names = ("x", "y", "z")
    heads = Heads(names=names, members=2, seed=4, group_of={"e-1": "x", "e-2": "z", "e-3": None}, pooling_sd=0.5)
    draw = torch.Generator().manual_seed(3)
    score_AM = torch.randn(9, 8, generator=draw)
    places = [[0, 1], [2, 3], [4, 5], [8, 7], [3, 1]]
    said = observed("e-1", "e-2", "e-3", None, "e-2")
    nll_O = heads.nll(Comparisons(), score_AM, said, places)
    all_OKS = Comparisons().nll(score_AM, said, places).reshape(5, 4, 2)
    row_O = torch.tensor([1, 3, 0, 0, 3])  # who has no head teaches the shared one
    slow_O = (heads.weights(said) * all_OKS[torch.arange(5), row_O]).mean(1)
    assert nll_O.tolist() == pytest.approx(slow_O.tolist())


@pytest.mark.parametrize(
    ("group_by", "said"),
    [
        ("age", "group_by = 'age', and no evaluator has it"),
        ("pool", "group_by = 'pool', and no evaluator has it"),
    ],
)
def test_groups_that_cannot_be_told_apart_are_refused(group_by: str, said: str) -> None:
    data = opposed()
    with pytest.raises(RecipeError, match=said):
        of_groups(group_by).heads(data, list(map(of_pair, data.pairs["train"])), seed=0, stage="reward")


def test_one_group_alone_is_refused() -> None:
    data = opposed()
    one = [
        pair
        for pair in data.pairs["train"]
        if (data.evaluators[str(pair.evaluator)].attributes or {})["taste"] == "likes"
    ]
    with pytest.raises(RecipeError, match="all are 'likes'; groups need two values at least"):
        of_groups("taste").heads(data, list(map(of_pair, one)), seed=0, stage="reward")


def test_dense_rewards_are_what_each_token_adds_to_the_score(tmp_path: Path) -> None:
    """Held against the scores of the beginnings of a text, ended nowhere: read token by token, and where EOS stands."""
    model = ScalarHeadModel.fresh(load("tiny", seed=1), name="judge", seed=3, members=2)
    model.mean_M, model.score_scale = (0.3, -0.1), 0.7
    prompts = [Prompt.ask("Say it."), Prompt.ask("And again, please."), Prompt.ask("Say it.")]
    texts = ["abba", "a bé b", ""]
    completions = [Completion(prompt=p.id, text=text) for p, text in zip(prompts, texts, strict=True)]
    found = ByToken(model).score(prompts, completions)
    assert found.value_N == pytest.approx(model.score(prompts, completions).value_N, abs=1e-5)
    assert found.credits is not None
    for prompt, each, earned in zip(prompts, completions, found.credits, strict=True):
        ids = [*model.causal.encode_prompt(prompt), *model.causal.encode_completion(each.text)]
        with torch.no_grad():
            hidden_TD = model.causal.model.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            raw_T = model.head(hidden_TD.float()).mean(1)[-len(earned) :]
        value_T = (raw_T - 0.1) / 0.7
        wanted = [float(value_T[0]), *value_T.diff().tolist()]
        assert [amount for _, amount in earned] == pytest.approx(wanted, abs=1e-4)
        assert [end for end, _ in earned] == sorted(end for end, _ in earned)
        assert earned[-1][0] == len(each.text)


def test_the_mean_of_groups_is_what_is_evaluated(tmp_path: Path) -> None:
    data = opposed()
    with RunDirectory.create(tmp_path / "run") as run:
        judge = SETTINGS.model_copy(update={"epochs": 1}).fit(data, run)
    scores = score_split(judge, data, "held_out")
    assert np.isfinite(list(scores.values.values())).all()


def test_a_saved_head_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    """What was damaged is made again, and what builds on it stays only where it is the same file."""
    model = ScalarHeadModel.fresh(load("tiny", seed=1), name="judge", seed=3, members=2, components=("x", "y"))
    model.save(tmp_path / "one")
    with safe_open(tmp_path / "one/head.safetensors", framework="pt") as file:
        assert list(file.metadata()) == ["layout"]  # several entries stand in another order each time
    model.save(tmp_path / "other")
    assert (tmp_path / "one/head.safetensors").read_bytes() == (tmp_path / "other/head.safetensors").read_bytes()


def test_a_head_of_before_is_read(tmp_path: Path) -> None:
    model = ScalarHeadModel.fresh(load("tiny", seed=1), name="judge", seed=3, components=("x", "y"))
    model.save(tmp_path / "model")
    content = load_file(tmp_path / "model/head.safetensors")
    save_file(content, tmp_path / "model/head.safetensors", metadata={"components": '["x", "y"]'})
    again = load_reward_model(tmp_path / "model", name="judge", dtype="float32")
    assert (again.components, again.members) == (("x", "y"), 1)
