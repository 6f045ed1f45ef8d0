"""Several rewards made one: closed forms of each way, members, standard deviations, credits, and what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import accord
from accord import recipe
from accord.artefacts import NORMALISATION, PartMoments
from accord.errors import ArtefactError, RecipeError
from accord.feedback import read_data
from accord.interfaces import Scores
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.stages import settings_digest
from accord.records import Completion, Prompt
from accord.reward import COMBINATIONS, MixedJudge
from accord.reward.combine import Combination
from accord.reward.combined import mixed, moments

RIGHT, STYLE = np.array([1.0, 0.0, 1.0]), np.array([0.5, 4.0, -2.0])
ENDS = [3, 1, 0]


def combination(kind: str, **settings: Any) -> Combination:
    return COMBINATIONS.get(kind).model_validate(settings)


def value_of(kind: str, **settings: Any) -> list[float]:
    rule = combination(kind, **settings)
    parts = {"reward": Scores(RIGHT), "style": Scores(STYLE)}
    return mixed(rule, parts, moments(parts, rule), ENDS).value_N.tolist()


@pytest.mark.parametrize(
    ("kind", "settings", "value"),
    [
        ("weighted_sum", {}, [1.5, 4, -1]),
        ("weighted_sum", {"weights": {"style": 0.5, "reward": -1}}, [-0.75, 2, -2]),
        ("worst", {}, [0.5, 0, -2]),
        ("worst", {"weights": {"reward": 0.25}}, [0.25, 0, -2]),
        ("veto", {"limits": {"reward": 0.5}, "floor": -9}, [1.5, -9, -1]),
        ("veto", {"limits": {"reward": 0.5, "style": 0}, "floor": -9}, [1.5, -9, -9]),
        ("gate", {"at_least": 1}, [1.5, 0, -1]),
        ("gate", {"at_least": 1, "weights": {"style": 2, "reward": 10}}, [11, 0, 6]),
        ("gate", {"gate": "style", "at_least": 0}, [1.5, 4, -2]),
        ("constraint", {"limits": {"style": 1}, "price": 10}, [-4, 0, -29]),
    ],
)
def test_closed_forms(kind: str, settings: dict[str, Any], value: list[float]) -> None:
    assert value_of(kind, **settings) == value


def test_parts_are_standardised_by_what_was_scored_once_and_limits_stay_in_their_own_units() -> None:
    z = {name: (v - v.mean()) / v.std(ddof=1) for name, v in {"reward": RIGHT, "style": STYLE}.items()}
    assert value_of("weighted_sum", normalise="standardise") == pytest.approx((z["reward"] + z["style"]).tolist())
    assert value_of("worst", normalise="standardise") == pytest.approx(np.minimum(z["reward"], z["style"]).tolist())
    gated = z["reward"] + np.where(RIGHT >= 1, z["style"], 0)
    assert value_of("gate", normalise="standardise", at_least=1) == pytest.approx(gated.tolist())
    fixed = {"reward": PartMoments(mean=1, std=2, n=9), "style": PartMoments(mean=0, std=4, n=9)}
    rule = combination("weighted_sum", normalise="standardise")
    one = mixed(rule, {"reward": Scores(RIGHT[:1]), "style": Scores(STYLE[:1])}, fixed, ENDS[:1])
    assert one.value_N.tolist() == [(1 - 1) / 2 + 0.5 / 4]


@pytest.mark.parametrize("value", [0.1, 0.0, -3.0])
def test_a_part_without_spread_is_not_standardised(value: float) -> None:
    parts = {"reward": Scores(RIGHT), "style": Scores(np.full(3, value))}
    with pytest.raises(RecipeError, match=r"combine.normalise: the reward 'style' gives all 3 completions .* the same"):
        moments(parts, combination("weighted_sum", normalise="standardise"))
    assert moments(parts, combination("weighted_sum"))["style"].mean == pytest.approx(value)


def test_a_part_with_a_limit_needs_no_spread() -> None:
    """It is not standardised; the same constraint in other units costs what it lacks, and no more."""
    parts = {"reward": Scores(RIGHT), "style": Scores(np.full(3, 0.5))}
    rule = combination("constraint", limits={"style": 2.0}, price=10, normalise="standardise")
    found = mixed(rule, parts, moments(parts, rule), ENDS)
    z = (RIGHT - RIGHT.mean()) / RIGHT.std(ddof=1)
    assert found.value_N.tolist() == pytest.approx((z - 15).tolist())
    with pytest.raises(RecipeError, match="the reward 'style' gives all 3 completions"):
        moments(parts, combination("veto", limits={"style": 2.0}, floor=0, normalise="standardise"))


def members(seed: int, n: int = 3, size: int = 5) -> Scores:
    members_NS = np.random.default_rng(seed).normal(size=(n, size))
    return Scores(members_NS.mean(1), members_NS.std(1, ddof=1), members_NS=members_NS)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("weighted_sum", {"weights": {"style": -0.5}}),
        ("worst", {}),
        ("veto", {"limits": {"style": 0.1}, "floor": -1}),
        ("gate", {"at_least": 0.1}),
        ("constraint", {"limits": {"style": 0.1}, "price": 2}),
    ],
)
def test_each_member_is_combined_by_itself(kind: str, settings: dict[str, Any]) -> None:
    """The slow way: member by member, each as a judge without doubt."""
    rule, parts = combination(kind, **settings), {"reward": members(0), "style": members(1), "plain": Scores(STYLE)}
    scores = mixed(rule, parts, moments(parts, rule), ENDS)
    slow = []
    for s in range(5):
        alone = {
            name: Scores(each.value_N if each.members_NS is None else each.members_NS[:, s])
            for name, each in parts.items()
        }
        slow.append(mixed(rule, alone, moments(alone, rule), ENDS).value_N)
    assert scores.members_NS is not None
    assert scores.std_N is not None
    np.testing.assert_allclose(scores.members_NS, np.stack(slow, 1))
    np.testing.assert_allclose(scores.value_N, np.mean(slow, 0))
    np.testing.assert_allclose(scores.std_N, np.std(slow, 0, ddof=1))


def test_members_of_other_numbers_are_not_paired() -> None:
    rule, parts = combination("weighted_sum"), {"reward": members(0), "style": members(1, size=4)}
    scores = mixed(rule, parts, moments(parts, rule), ENDS)
    assert scores.members_NS is None
    assert scores.std_N is not None
    stds = [part.std_N for part in parts.values() if part.std_N is not None]
    np.testing.assert_allclose(scores.std_N, np.hypot(*stds))
    np.testing.assert_allclose(scores.value_N, parts["reward"].value_N + parts["style"].value_N)
    worst = combination("worst")
    assert mixed(worst, parts, moments(parts, worst), ENDS).std_N is None


def test_variances_of_independent_parts_add() -> None:
    rule = combination("weighted_sum", weights={"style": 3})
    draw = members(0)
    parts = {"reward": draw, "style": Scores(STYLE, np.array([0.1, 0.2, 0.3]))}
    scores = mixed(rule, parts, moments(parts, rule), ENDS)
    assert draw.std_N is not None
    assert scores.std_N is not None
    np.testing.assert_allclose(scores.std_N, np.sqrt(draw.std_N**2 + 9 * np.array([0.1, 0.2, 0.3]) ** 2))


def test_credits_are_weighed_and_the_rest_is_earned_at_the_end() -> None:
    credits = (((1, 0.25), (3, 0.25)), ((1, 4.0),), ((0, -2.0),))
    parts = {"reward": Scores(RIGHT), "style": Scores(STYLE, credits=credits)}
    rule = combination("weighted_sum", weights={"style": 2})
    scores = mixed(rule, parts, moments(parts, rule), ENDS)
    assert scores.credits == (((1, 0.5), (3, 0.5), (3, 1.0)), ((1, 8.0), (1, 0.0)), ((0, -4.0), (0, 1.0)))
    gate = combination("gate", at_least=1)
    assert mixed(gate, parts, moments(parts, gate), ENDS).credits is None
    plain = {name: Scores(part.value_N) for name, part in parts.items()}
    assert mixed(rule, plain, moments(plain, rule), ENDS).credits is None


@dataclass(frozen=True)
class Counter:
    """How often a letter stands in a text."""

    name: str

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        value_N = np.array([float(each.text.count(self.name)) for each in completions])
        return Scores(value_N, value_N / 2, components={"twice": Scores(2 * value_N)})


PROMPT = Prompt.ask("Write")
TEXTS = [Completion(prompt=PROMPT.id, text=text) for text in ("aab", "b", "")]


def test_every_part_is_kept_with_its_own_doubt() -> None:
    judge = MixedJudge("reward", {"reward": Counter("a"), "bees": Counter("b")}, combination("worst"), {})
    scores = judge.score([PROMPT] * 3, TEXTS)
    assert scores.value_N.tolist() == [1, 0, 0]
    assert set(scores.components) == {"reward", "bees", "twice"}
    part = scores.components["bees"].std_N
    assert part is not None
    assert part.tolist() == [0.5, 0.5, 0]
    assert judge.score([], []).value_N.shape == (0,)
    with pytest.raises(RecipeError, match=r"recipe.rewards.twice: \[reward\] has a component of this name"):
        MixedJudge("reward", {"reward": Counter("a"), "twice": Counter("b")}, combination("worst"), {}).score(
            [PROMPT] * 3, TEXTS
        )


TWO = '[reward]\nkind = "length"\ntarget = 3\n[rewards.style]\nkind = "format"\npattern = "a"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weights = { styl = 1.0 }", r"recipe.combine.weights: no reward 'styl'; did you mean 'style'\?"),
        ('kind = "gate"\ngate = "rewards"\nat_least = 1', r"combine.gate: no reward 'rewards'; did you mean 'reward'"),
        ('kind = "veto"\nfloor = 0\nlimits = { x = 1 }', r"combine.limits: no reward 'x'; known are reward, style"),
        ('kind = "veto"\nfloor = 0', r"recipe.combine.limits: "),
        (
            'kind = "constraint"\nprice = 1\nlimits = { style = 1 }\nweights = { style = 2.0 }',
            r"recipe.combine: .*'style' has a limit, .*leave its weight out",
        ),
        ('kind = "worts"', r"combine.kind: unknown way to combine rewards 'worts'; did you mean 'worst'"),
        ("weight = 1", r"recipe.combine.weight: no such field; did you mean 'weights'\?"),
        ("weights = { style = nan }", r"recipe.combine.weights.style"),
        ('[rewards.reward]\nkind = "length"\ntarget = 3', r"recipe.rewards.reward: \[reward\] is called so"),
    ],
)
def test_a_combination_that_cannot_be_meant_is_named(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe.parse(f"{TWO}[combine]\n{text}")


def test_one_reward_alone_is_not_combined() -> None:
    with pytest.raises(RecipeError, match=r"recipe.combine: fewer than two rewards"):
        recipe.parse("[reward]\n[combine]")


def test_a_combination_is_read_and_written() -> None:
    read = recipe.parse(f'{TWO}[combine]\nkind = "gate"\nat_least = 1.0\nnormalise = "standardise"')
    assert read.parts == ["reward", "style"]
    assert recipe.parse(recipe.dump(read)) == read
    assert recipe.parse(f"{TWO}[combine]").combine == combination("weighted_sum")


def test_a_run_standardises_once_and_refuses_another_combination(tmp_path: Path) -> None:
    source = Path(accord.__file__).parent / "loop/starter/feedback.jsonl"
    text = f'[data]\nledger = "{tmp_path}/feedback.db"\nsource = "{source}"\nformat = "trl_preference"\n{TWO}'
    text = text.replace('pattern = "a"', 'pattern = "[A-Y].*"') + '[combine]\nnormalise = "standardise"\n'
    settings = recipe.parse(text)
    with start_run(settings, tmp_path / "run", resume=False) as run:
        drive(settings, run, ProgressDisplay(quiet=True), only=("data", "reward", "rewards/style", "combine"))
        data = read_data(run)
        texts = [each for each in data.completions.values() if data.split_of[each.prompt] == "train"]
        (style,) = (NORMALISATION.read(run).parts[name] for name in ("style",))
        share = np.array([float(each.text[:1] in "ABCDEFGHIJKLMNOPQRSTUVWXY") for each in texts])
        assert style.n == len(texts)
        assert (style.mean, style.std) == pytest.approx((share.mean(), share.std(ddof=1)))
    other = recipe.parse(text, {"combine.weights.style": "0.5"})
    with (
        pytest.raises(ArtefactError, match=r"stage 'combine' finished with .*combine.weights.style was unset"),
        start_run(other, tmp_path / "run", resume=True) as run,
    ):
        drive(other, run, ProgressDisplay(quiet=True))
    assert settings_digest(settings, "reward") == settings_digest(other, "reward")
