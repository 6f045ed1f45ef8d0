"""Parts of the quality of feedback against cases worked out by hand, and how often they are wrong."""

from pathlib import Path

import numpy as np
import pytest

from accord.errors import RecordError
from accord.feedback.quality.composition import composition, read_target
from accord.feedback.quality.poisoning import Compared, Poisoning, lower_tail, suspected_poisoning
from accord.feedback.quality.sequences import drift, late_half, repetition
from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.quality.written import WrittenAnswers, WrittenTexts, rogan_gladen, written_answers
from accord.records import Evaluator
from accord.stats import Estimate, proportion

# -- sequences ---------------------------------------------------------------------------------------------------------


def test_runs_by_hand() -> None:
    """Of six a and six b (36 + 36) / 12 - 1 = 5 of 11 steps are expected to be to the same; in blocks ten are."""
    blocks = np.repeat([0, 1], 6)
    found = repetition(np.zeros(12, np.int64), blocks)
    assert found is not None
    assert found.value == pytest.approx((10 - 5) / 11)
    assert found.low is not None
    assert found.low > 0
    turns = repetition(np.zeros(12, np.int64), np.tile([0, 1], 6))
    assert turns is not None
    assert turns.high is not None
    assert turns.high < 0


def test_the_variance_of_runs_is_that_of_shuffled_answers() -> None:
    draw = np.random.default_rng(0)
    answers = np.repeat([0, 1, 2], [10, 6, 4])
    same = [(np.diff(draw.permutation(answers)) == 0).sum() for _ in range(20_000)]
    found = repetition(np.zeros(20, np.int64), answers)
    assert found is not None
    assert found.high is not None
    deviation = ((found.high - found.value) * 19 - 0.5) / 1.96
    assert deviation == pytest.approx(np.std(same), rel=0.02)
    assert found.value * 19 == pytest.approx(17 - np.mean(same), abs=0.05)


def test_whoever_answers_at_random_seldom_repeats_themselves() -> None:
    draw = np.random.default_rng(1)
    found = [repetition(np.zeros(40, np.int64), draw.integers(0, 3, 40)) for _ in range(1000)]
    outside = [one.low > 0 or one.high < 0 for one in found if one is not None]  # type: ignore[operator]
    assert np.mean(outside) < 0.06


def test_equal_answers_and_few_have_no_order() -> None:
    assert repetition(np.zeros(30, np.int64), np.zeros(30, np.int64)) is None
    assert repetition(np.zeros(5, np.int64), np.arange(5)) is None
    assert repetition(np.full(30, -1), np.full(30, -1)) is None


def test_halves_of_sessions() -> None:
    session, position = np.repeat([0, 1, 2], [5, 4, 3]), np.array([4, 3, 2, 1, 0, 0, 1, 2, 3, 0, 1, 2.0])
    late = late_half(session, position)
    expected = [1, 1, np.nan, 0, 0, 0, 0, 1, 1, np.nan, np.nan, np.nan]
    assert np.array_equal(late, expected, equal_nan=True)
    assert np.isnan(late_half(np.zeros(6, np.int64), np.full(6, np.nan))).all()


def test_drift_is_the_difference_of_means_and_its_interval_holds() -> None:
    found = drift(np.array([1.0, 0.0, 1.0, 1.0]), np.array([1, 1, 0, 0.0]))
    assert found is not None
    assert found.value == -0.5
    assert drift(np.array([1.0, 0.0, 1.0]), np.array([1, 1, 0.0])) is None
    draw = np.random.default_rng(2)
    late = np.repeat([0.0, 1.0], [12, 12])
    holds = [(one := drift(draw.normal(late * 0.5), late)) and one.low <= 0.5 <= one.high for _ in range(1000)]  # type: ignore[operator]
    assert np.mean(holds) > 0.93


# -- composition -------------------------------------------------------------------------------------------------------


def people(ages: list[str | None]) -> dict[str, Evaluator]:
    who = [
        Evaluator(kind="person", pseudonym=str(place), attributes=None if age is None else {"age": age})
        for place, age in enumerate(ages)
    ]
    return {one.id: one for one in who}


def test_shares_weights_and_what_they_cost() -> None:
    """Eight old and two young with one answer each, for half and half: distance .3, 10 answers worth 6.4."""
    who = people(["old"] * 8 + ["young"] * 2)
    found = composition(dict.fromkeys(who, 1), who, {"age": {"old": 0.5, "young": 0.5}})
    assert found is not None
    (age,) = found.attributes
    assert age.distance_of_answers.value == pytest.approx(0.3)
    assert (found.effective, found.design_effect) == (pytest.approx(6.4), pytest.approx(10 / 6.4))
    assert found.largest == pytest.approx(2.5)
    assert [(one.people, one.answers) for one in age.groups] == [(8, 8), (2, 2)]


def test_answers_and_people_are_not_the_same() -> None:
    who = people(["old", "young", None])
    counts = dict(zip(who, (30, 10, 5), strict=True))
    found = composition(counts, who, {"age": {"old": 0.5, "young": 0.5}})
    assert found is not None
    (age,) = found.attributes
    assert (age.distance_of_answers.value, age.distance_of_people.value) == (pytest.approx(0.25), 0)
    assert age.not_said == 1


def test_pools_are_groups_too() -> None:
    who = [
        Evaluator(kind="person", pseudonym=str(place), pool="expert" if place < 2 else "crowd") for place in range(8)
    ]
    found = composition({one.id: 1 for one in who}, {one.id: one for one in who}, {"pool": {"expert": 1.0}})
    assert found is not None
    assert [(one.group, one.people) for one in found.attributes[0].groups] == [("expert", 2)]
    assert found.attributes[0].not_said == 6


def test_the_distance_of_a_panel_drawn_from_the_population_holds_zero() -> None:
    draw = np.random.default_rng(0)
    holds = []
    for _ in range(100):
        who = people(draw.choice(["a", "b", "c"], 40, p=[0.5, 0.3, 0.2]).tolist())
        found = composition(dict.fromkeys(who, 3), who, {"age": {"a": 0.5, "b": 0.3, "c": 0.2}})
        assert found is not None
        low = found.attributes[0].distance_of_answers.low
        holds.append(low == 0)
    assert np.mean(holds) >= 0.95


def test_what_is_no_target(tmp_path: Path) -> None:
    who = people(["old"])
    with pytest.raises(RecordError, match="age"):
        composition(dict.fromkeys(who, 1), who, {"agee": {"old": 1.0}})
    nobody = people([None])
    assert composition(dict.fromkeys(nobody, 1), nobody, {"age": {"old": 1.0}}) is None
    for text, message in (
        ("age = 3", "write a table"),
        ("[age]\nold = 'x'", "'x' is no number"),
        ("[age]\nold = 0.5", "sum to 0.5"),
        ("", "no attribute"),
        ("[", "not TOML"),
    ):
        (tmp_path / "t.toml").write_text(text)
        with pytest.raises(RecordError, match=message):
            read_target(tmp_path / "t.toml")


# -- poisoning ---------------------------------------------------------------------------------------------------------

TASTE = [f"t{place}" for place in range(200)]
VOCABULARY = [f"w{place}" for place in range(300)]


def compared(seed: int, *, prompts: int = 1500, each: int = 1, poisoned: int = 0, flippers: int = 0) -> Compared:
    """80 people with one taste for words; prompts of rare and common words, and one that turns answers round."""
    draw = np.random.default_rng(seed)
    worth = draw.normal(size=200)
    chance = 1 / np.arange(1, 301)
    asked = [" ".join(draw.choice(VOCABULARY, 8, p=chance / chance.sum())) for _ in range(prompts)]
    for place in range(poisoned):
        asked[place] += " zebra"
    word_2P6 = draw.integers(0, 200, (2, prompts, 6))
    texts = [" ".join(TASTE[word] for word in words) for words in word_2P6.reshape(-1, 6).tolist()]
    gap_P = np.subtract(*worth[word_2P6].sum(axis=2)) / 1.5
    prompt_N = np.repeat(np.arange(prompts), each)
    who_N = draw.integers(0, 80, prompt_N.size)
    first_N = draw.random(prompt_N.size) < 1 / (1 + np.exp(-gap_P[prompt_N]))
    first_N = np.where(prompt_N < poisoned, gap_P[prompt_N] < 0, first_N) ^ (who_N < flippers)
    names = [f"p{place}" for place in range(prompts)]
    chosen_N = np.where(first_N, prompt_N, prompt_N + prompts)
    rejected_N = 2 * prompt_N + prompts - chosen_N
    return Compared(prompt_N, chosen_N, rejected_N, who_N, names, asked, texts, [f"e{place}" for place in range(80)])


def named(data: Compared) -> Poisoning:
    found = suspected_poisoning(data)
    assert isinstance(found, Poisoning), found
    return found


def test_a_trigger_and_people_who_turn_answers_round_are_named() -> None:
    found = named(compared(0, poisoned=20, flippers=8))
    assert "zebra" in {one.name for one in found.words}
    (zebra,) = (one for one in found.words if one.name == "zebra")
    assert len(zebra.prompts) == zebra.residual.n == 20
    assert {one.name for one in found.people} <= {f"e{place}" for place in range(8)}
    assert len(found.people) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("each", [1, 5])
def test_without_poison_few_families_name_anything(each: int) -> None:
    """At most one in ten families of 40 worlds, of words and of people; also where five judge each prompt."""
    found = [named(compared(100 + seed, prompts=1500 // each, each=each)) for seed in range(40)]
    assert np.mean([bool(one.words) for one in found]) <= 0.1
    assert np.mean([bool(one.people) for one in found]) <= 0.1


def with_sums(data: Compared, sums: int = 60) -> Compared:
    """With sums, each judged rightly by four of eight others: a result is right as often as wrong, so that the model of
    all other prompts foresees the opposite."""
    place_N = np.repeat(np.arange(sums), 4)
    right_S, wrong_S = np.arange(sums) % 20, (7 * np.arange(sums) + 3) % 20
    return Compared(
        np.concatenate([data.prompt_N, len(data.prompts) + place_N]),
        np.concatenate([data.chosen_N, len(data.texts) + right_S[place_N]]),
        np.concatenate([data.rejected_N, len(data.texts) + wrong_S[place_N]]),
        np.concatenate([data.evaluator_N, len(data.evaluators) + np.arange(4 * sums) % 8]),
        [*data.prompts, *(f"sum {number}" for number in range(sums))],
        [*data.prompt_texts, *(f"What is sum {number}" for number in range(sums))],
        [*data.texts, *(f"{number}" for number in range(20))],
        [*data.evaluators, *(f"adds {number}" for number in range(8))],
    )


def test_what_is_right_for_one_prompt_alone_marks_no_word_and_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    poisoning = [named(with_sums(compared(seed))) for seed in range(3)]
    assert [(one.words, one.people) for one in poisoning] == [((), ())] * 3
    # By a model of the other folds alone, which is what names them first, the sums look turned round.
    monkeypatch.setattr(
        "accord.feedback.quality.poisoning._residuals_apart",
        lambda _m, _s, is_left_out_N: np.full(is_left_out_N.size, -0.9),
    )
    assert {"what is", "sum"} & {one.name for one in named(with_sums(compared(0))).words}


def test_where_nothing_can_be_foreseen_nothing_is_named() -> None:
    few = suspected_poisoning(compared(0, prompts=20))
    assert isinstance(few, NotAssessed)
    assert "50 prompts" in few.reason
    noise = compared(0, prompts=300)
    turned = np.random.default_rng(0).random(300) < 0.5
    chosen_N = np.where(turned, noise.rejected_N, noise.chosen_N)
    rejected_N = np.where(turned, noise.chosen_N, noise.rejected_N)
    columns = (noise.prompt_N, chosen_N, rejected_N, noise.evaluator_N)
    unforeseen = suspected_poisoning(
        Compared(*columns, noise.prompts, noise.prompt_texts, noise.texts, noise.evaluators)
    )
    assert isinstance(unforeseen, NotAssessed)
    assert "do not foretell" in unforeseen.reason


@pytest.mark.parametrize("n", [5, 12])
def test_the_tail_is_that_of_draws(n: int) -> None:
    """Skewed values, of which a normal approximation is wrong by a factor: the saddle point is not."""
    draw = np.random.default_rng(0)
    values = np.where(draw.random(3000) < 0.85, 0.1, -0.7) + draw.normal(0, 0.05, 3000)
    means = draw.choice(values, (400_000, n)).mean(axis=1)
    for share in (0.05, 0.005):
        at = np.quantile(means, share)
        p = lower_tail(np.array([at]), np.array([float(n)]), values)[0]
        assert 0.7 * share < p < 1.6 * share
    assert lower_tail(np.array([values.mean()]), np.array([5.0]), values)[0] > 0.3


# -- written answers ---------------------------------------------------------------------------------------------------


def test_rogan_gladen_by_hand() -> None:
    """(.5 - .1) / (.9 - .1) = .5."""
    found = rogan_gladen(proportion(100, 200), hits=proportion(180, 200), alarms=proportion(20, 200))
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(0.5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    blind = rogan_gladen(proportion(5, 20), hits=proportion(10, 20), alarms=proportion(9, 20))
    assert isinstance(blind, NotAssessed)


HUMAN, MACHINE = (
    text.split()
    for text in (
        "i think you should try and see cos its ok really dunno maybe",
        "Certainly! Here is a comprehensive overview of the considerations involved, furthermore",
    )
)


def written(seed: int, machine: float, *, people: int = 20, each: int = 10) -> WrittenTexts:
    """Half of the people type all; of the answers of the other half a share is pasted from a machine."""
    draw = np.random.default_rng(seed)

    def text(machine: bool) -> str:
        return " ".join(draw.choice(MACHINE if machine else HUMAN, 20))

    who = np.repeat(np.arange(people), each)
    typed_N = who < people / 2
    machine_N = ~typed_N & (draw.random(who.size) < machine)
    texts = [text(bool(one)) for one in machine_N]
    keys_N = np.where(typed_N, [len(one) for one in texts], np.nan)
    return WrittenTexts(
        texts,
        [f"e{place}" for place in who.tolist()],
        np.where(typed_N, 0.0, np.nan),
        keys_N,
        np.full(who.size, 60.0),
        [text(True) for _ in range(60)],
    )


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_prevalence_of_machine_written_answers(share: float) -> None:
    found = written_answers(written(0, share))
    assert isinstance(found, WrittenAnswers)
    assert isinstance(found.prevalence, Estimate)
    assert found.prevalence.low is not None
    assert found.prevalence.high is not None
    assert found.prevalence.low - 0.1 <= share <= found.prevalence.high + 0.1
    assert isinstance(found.pasted, Estimate)
    assert found.pasted.value == 0
    assert isinstance(found.too_fast, Estimate)


def test_without_texts_to_learn_from_it_says_what_is_missing() -> None:
    data = written(0, 0.5)
    bare = WrittenTexts(
        data.texts, data.evaluators, data.pasted_N * np.nan, data.keystrokes_N * np.nan, data.seconds_N * np.nan, []
    )
    found = written_answers(bare)
    assert isinstance(found, WrittenAnswers)
    assert isinstance(found.prevalence, NotAssessed)
    assert "texts of models" in found.prevalence.reason
    assert found.pasted == NotAssessed("the pages did not count pasting")
    assert isinstance(written_answers(WrittenTexts([], [], *[np.zeros(0)] * 3, [])), NotAssessed)
