"""Parts and places of a score on a real small model: a policy a group and their soup, dense rewards, limits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RecipeError, TrainingStopped
from accord.interfaces import Scores
from accord.lm import conversation
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.policy import PPO, REINFORCE, RLOO, SFT, Constraint, GroupSoup, MaxMin, pareto_front
from accord.policy.materials import Materials
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

DATA = letters_dataset()
PROMPTS = DATA.prompts_of("train")
SAMPLING = Sampling(max_tokens=10)
COMMON: dict[str, Any] = {
    "dtype": "float32",
    "max_steps": 12,
    "prompts_per_step": 3,
    "group_size": 8,
    "kl_coef": 0.0,
    "sampling": SAMPLING,
    "missing_eos_penalty": 0.2,
    "save_every": 4,
    "optim": Optim(lr=1e-3, warmup_steps=1, lr_schedule="constant"),
}


class Letters:
    """Two groups: one counts the letter a, the other the letter b; their places are where the letters stand."""

    name = "letters"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        parts = {letter: np.array([each.text.count(letter) / 4 for each in completions]) for letter in "ab"}
        places = tuple(
            tuple((at, 0.25) for at, letter in enumerate(each.text, 1) if letter == "a") for each in completions
        )
        components = {letter: Scores(part_N) for letter, part_N in parts.items()}
        return Scores(parts["a"], components=components, credits=places)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes letters."""
    run = RunDirectory.create(tmp_path_factory.mktemp("start") / "run")
    settings = SFT(base="tiny", dtype="float32", epochs=12, batch_size=8, optim=Optim(lr=5e-3, warmup_steps=2))
    list(settings.train_on(Materials(data=DATA).examples, run))
    return run.verified("sft/model")


def written(causal: CausalModel) -> dict[str, float]:
    """How many of each letter there are in a text."""
    groups = generate(
        causal, [causal.encode_prompt(each) for each in PROMPTS], 64, SAMPLING.model_copy(update={"seed": 5})
    )
    texts = [causal.decode(each.token_ids) for group in groups for each in group]
    return {letter: float(np.mean([text.count(letter) for text in texts])) for letter in "ab"}


@pytest.mark.parametrize("lora", [None, LoRA(rank=4)], ids=["weights", "adapters"])
def test_a_soup_lies_between_the_policies_of_its_groups(lora: LoRA | None, start: Path, tmp_path: Path) -> None:
    more = {} if lora is None else {"lora": lora, "optim": Optim(lr=1e-2, warmup_steps=1, lr_schedule="constant")}
    settings = GroupSoup(**{**COMMON, **more}, components=("a", "b"))
    with RunDirectory.create(tmp_path / "run") as run:
        steps = list(settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run))
        ends = [run.verified(f"policy-{part}/model") for part in "ab"]
        for_a, for_b, mixed = (written(load(each)) for each in (*ends, run.verified("policy/model")))
        along = [written(each)["a"] for _, each in pareto_front(*ends, 3)]
    assert [each.step for each in steps] == [*range(1, 13), *range(1, 13)]
    assert for_a["a"] > mixed["a"] > for_b["a"]
    assert for_b["b"] > mixed["b"] > for_a["b"]
    assert along == sorted(along, reverse=True)
    assert along[1] == pytest.approx(mixed["a"])


def test_a_part_that_is_done_is_not_done_again(start: Path, tmp_path: Path) -> None:
    settings = GroupSoup(**{**COMMON, "max_steps": 2}, components=("a", "b"), soup_weights=(0.75, 0.25))
    with RunDirectory.create(tmp_path / "whole") as whole:
        list(settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), whole))
        wanted = load(whole.verified("policy/model")).model.state_dict()
    with RunDirectory.create(tmp_path / "cut") as run:
        cut = settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run)
        made = [next(cut) for _ in range(3)]
        cut.close()  # type: ignore[attr-defined]  # a generator
        again = list(settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run))
        found = load(run.verified("policy/model")).model.state_dict()
    assert [each.step for each in made] == [1, 2, 1]
    assert [each.step for each in again] == [1, 2]
    assert all((found[name] == value).all() for name, value in wanted.items())


def test_soups_that_cannot_be_made_are_refused(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        for more in ({"components": ("a",)}, {"components": ("a", "b"), "soup_weights": (1.0,)}):
            with pytest.raises(RecipeError, match="needs two components or more, and a weight for each"):
                list(GroupSoup(**COMMON, **more).steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run))
        with pytest.raises(TrainingStopped, match="no component 'c' in the scores of the judge 'letters'; a, b"):
            list(
                GroupSoup(**COMMON, components=("c", "a")).steps(
                    Materials(prompts=PROMPTS, judge=Letters(), start=start), run
                )
            )


@pytest.mark.parametrize(
    "settings",
    [PPO(**{**COMMON, "kl_target": 0.0}, dense=True), REINFORCE(**COMMON, dense=True), RLOO(**COMMON, dense=True)],
)
def test_a_reward_stands_at_the_token_that_earns_it(settings: Any, start: Path, tmp_path: Path) -> None:
    from accord.policy.online_trainer import build_trainer

    with RunDirectory.create(tmp_path / "run") as run:
        trainer = build_trainer(settings, PROMPTS, Letters(), run, start=start, stage="policy")
        rollout = trainer.generate_rollouts(1, old_logprobs=True)
    assert rollout.dense_BT is not None
    for row, each in enumerate(rollout.samples):
        for token, token_id in enumerate(each.token_ids):
            earned = 0.25 * trainer.policy.decode([token_id]).count("a")
            assert float(rollout.dense_BT[row, token]) == pytest.approx(earned)
    assert rollout.dense_BT.sum(1).tolist() == pytest.approx(rollout.score_B.tolist())


@pytest.mark.parametrize("algorithm", [REINFORCE, RLOO])
def test_dense_rewards_teach_a_real_model(algorithm: Any, start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        list(algorithm(**COMMON, dense=True).steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run))
        after = written(load(run.verified("policy/model")))
    assert after["a"] > written(load(start))["a"] + 0.5


def test_a_judge_that_cannot_say_where_stops_dense_training(start: Path, tmp_path: Path) -> None:
    from small_data import LetterJudge

    said = "the judge 'letters' does not say where its scores are earned; set dense = false"
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(TrainingStopped, match=said):
        list(REINFORCE(**COMMON, dense=True).steps(Materials(prompts=PROMPTS, judge=LetterJudge(), start=start), run))


def test_limits_and_groups_are_told_and_taken_up_again(start: Path, tmp_path: Path) -> None:
    """What multipliers and weights are at a checkpoint is what a stage goes on with."""
    settings = RLOO(
        **{**COMMON, "max_steps": 6, "save_every": 3},
        constraints=(Constraint(component="length", at_most=3.0, rate=0.02),),
        maxmin=MaxMin(groups=("a", "b"), rate=0.5),
    )
    with RunDirectory.create(tmp_path / "whole") as run:
        whole = list(settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run))
    with RunDirectory.create(tmp_path / "cut") as run:
        cut = settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run)
        for _ in range(4):
            next(cut)
        cut.close()  # type: ignore[attr-defined]  # a generator
        again = list(settings.steps(Materials(prompts=PROMPTS, judge=Letters(), start=start), run))
    assert [each.metrics.multipliers for each in whole][3:] == [each.metrics.multipliers for each in again]
    first, last = whole[0].metrics.multipliers, whole[-1].metrics.multipliers
    assert first == {"length": 0.0, "group a": 0.5, "group b": 0.5}
    assert last is not None
    assert last["length"] > 0  # the texts are longer than that
    assert last["group a"] + last["group b"] == pytest.approx(1)
    assert whole[0].metrics.components is not None
    assert set(whole[0].metrics.components) == {"a", "b"}


@given(st.lists(st.integers(0, 255), max_size=80), st.booleans())
def test_each_token_reaches_as_far_as_the_text_before_it_and_with_it(ids: list[int], ends: bool) -> None:
    """Bytes of any text, halves of characters among them, in windows and decoded from the beginning each time."""
    causal = load("tiny")
    ids = ids + [causal.eos_id] * ends
    whole = causal.decode(ids)
    found = causal.reaches(ids)
    assert len(found) == len(ids)
    for place, reach in enumerate(found):
        assert reach == min(len(whole), len(causal.decode(ids[: place + 1])))


def test_where_long_texts_are_earned_is_found_in_time_that_grows_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in tokens decoded: from the beginning each time, ten times the text would be a hundred times as many."""
    causal, decoded = load("tiny"), list[int]()
    decode = conversation._decode
    monkeypatch.setattr(conversation, "_decode", lambda t, ids: (decoded.append(len(ids)), decode(t, ids))[1])
    counts = []
    for size in (200, 2000):
        decoded.clear()
        causal.reaches(list("é ".encode()) * size)
        counts.append(sum(decoded))
    assert counts[1] < 11 * counts[0]
