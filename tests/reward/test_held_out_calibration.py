"""Probabilities set right on people of whom nothing was learnt, and members beside people, of planted judges."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from accord.artefacts import CALIBRATION
from accord.feedback import Dataset
from accord.interfaces import Scores
from accord.records import Completion, Evaluator, Pair, Prompt
from accord.reward import Calibration, calibrate_on_held_out, evaluate, load_calibration
from accord.reward.card.held_out_calibration import _parts
from accord.reward.card.members import member_calibration, people_by_texts
from accord.reward.card.scored import SplitScores
from accord.run import RunDirectory

TEXTS = 4


def world(*, people: int = 30, each: int = 60, prompts: int = 200, seed: int = 0) -> tuple[Dataset, dict[str, float]]:
    """Texts of normal worth, and people who prefer by its difference as log-odds; half of them were learnt from."""
    random = np.random.default_rng(seed)
    asked = [Prompt.ask(f"Question {i}?") for i in range(prompts)]
    texts = [[Completion(prompt=p.id, text=f"answer {j} to {i}") for j in range(TEXTS)] for i, p in enumerate(asked)]
    worth = {text.id: float(random.normal(0, 1.2)) for of in texts for text in of}
    evaluators = [Evaluator(kind="person", pseudonym=f"e{i}") for i in range(people)]
    pairs: dict[str, list[Pair]] = {"train": [], "held_out": []}
    for place, person in enumerate(evaluators):
        for _ in range(each):
            of = texts[random.integers(prompts)]
            one, other = (of[i].id for i in random.choice(TEXTS, 2, replace=False))
            if random.random() > expit(worth[one] - worth[other]):
                one, other = other, one
            made = Pair(prompt=of[0].prompt, chosen=one, rejected=other, evaluator=person.id)
            pairs["train" if place % 2 else "held_out"].append(made)
    data = Dataset(
        prompts={each.id: each for each in asked},
        completions={text.id: text for of in texts for text in of},
        evaluators={each.id: each for each in evaluators},
        split_of={each.id: "held_out" for each in asked},
        pairs={name: tuple(of) for name, of in pairs.items()},
    )
    return data, worth


DATA, WORTH = world()


def judged(sureness: float) -> SplitScores:
    """A judge that knows the order of all, and states log-odds of so many times what they are."""
    return SplitScores(WORTH, None, sureness)


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_a_judge_that_is_too_sure_is_set_right_on_new_people(kind: Any) -> None:
    data, worth = world(people=60, each=60)
    found = calibrate_on_held_out(SplitScores(worth, None, 3.0), data, fitted_on="train", kind=kind)
    assert found.on == "evaluators"
    assert (found.pairs, found.units) == (1800, 30)
    assert found.ece_before is not None
    assert found.ece_after is not None
    assert found.ece_before.value > 0.08
    assert found.ece_after.value < 0.5 * found.ece_before.value
    assert found.ece_before.low is not None
    assert found.ece_before.low > 0
    if kind == "temperature":
        assert found.temperature == pytest.approx(3.0, rel=0.15)
    else:
        assert found.knots is not None
        assert Calibration("isotonic", knots=found.knots)([3.0 * 1.0])[0] == pytest.approx(expit(1.0), abs=0.08)


def test_a_judge_that_is_as_sure_as_it_should_be_stays_so() -> None:
    found = calibrate_on_held_out(judged(1.0), DATA, fitted_on="train")
    assert found.temperature == pytest.approx(1.0, abs=0.2)
    assert found.ece_before is not None
    assert found.ece_after is not None
    assert found.ece_after.value < found.ece_before.value + 0.02


def test_all_pairs_of_an_evaluator_are_in_one_part() -> None:
    units = [f"u{i}" for i in range(20) for _ in range(3)]
    part_P = _parts(units)
    assert {len(set(part_P[i : i + 3])) for i in range(0, 60, 3)} == {1}
    assert np.bincount(part_P).tolist() == [12] * 5
    assert len(set(_parts(["a"] * 100 + ["b", "c"]))) == 3


def test_the_error_after_it_is_told_by_fits_on_others() -> None:
    """Of two people one is always right, one always wrong: one half fits both, and each misleads about the other."""
    pairs = DATA.pairs["held_out"]
    ann, bob = dict.fromkeys(pair.evaluator for pair in pairs[:120])
    ordered = [sorted((pair.chosen, pair.rejected), key=lambda name: -WORTH[name]) for pair in pairs[:120]]
    turned = tuple(
        pair.model_copy(
            update={"chosen": of[0], "rejected": of[1]}
            if pair.evaluator == ann
            else {"chosen": of[1], "rejected": of[0]}
        )
        for pair, of in zip(pairs, ordered, strict=False)
    )
    assert {pair.evaluator for pair in turned} == {ann, bob}
    data = replace(DATA, pairs=DATA.pairs | {"held_out": turned})
    found = calibrate_on_held_out(judged(1.0), data, fitted_on="train")
    assert found.temperature is not None
    assert found.temperature > 5  # the two together say nothing; a prior keeps it finite
    assert found.ece_after is not None
    assert found.ece_after.value > 0.2


def test_where_all_people_were_learnt_from_new_prompts_are_taken_and_it_says_so() -> None:
    half = set(list(DATA.prompts)[:100])
    both = (*DATA.pairs["train"], *DATA.pairs["held_out"])
    data = replace(
        DATA,
        pairs={
            "train": tuple(pair for pair in both if pair.prompt in half),
            "held_out": tuple(pair for pair in both if pair.prompt not in half),
        },
    )
    found = calibrate_on_held_out(judged(2.0), data, fitted_on="train")
    assert found.on == "prompts"
    assert found.units == 100
    assert found.temperature == pytest.approx(2.0, rel=0.25)
    assert "evaluators of whom nothing was learnt" in (found.note or "")


def test_what_cannot_be_fitted_says_why(tmp_path: Any) -> None:
    few = replace(DATA, pairs=DATA.pairs | {"held_out": DATA.pairs["held_out"][:90]})
    found = calibrate_on_held_out(judged(2.0), few, fitted_on="train")
    assert (found.temperature, found.ece_after, found.on) == (None, None, None)
    assert "90 pairs by 2 evaluators" in (found.note or "")
    assert "takes 100 of two evaluators" in (found.note or "")
    curve = calibrate_on_held_out(judged(2.0), DATA, fitted_on="train", kind="isotonic")
    assert "takes 1,000" in (curve.note or "")
    silent = calibrate_on_held_out(replace(judged(2.0), scale=None), DATA, fitted_on="train")
    assert "no scale" in (silent.note or "")
    run = RunDirectory.create(tmp_path / "run", seed=0)
    CALIBRATION.write(run, found, stage="reward")
    assert load_calibration(run) is None


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_what_is_kept_beside_a_judge_is_loaded(kind: Any, tmp_path: Any) -> None:
    data, worth = world(people=60, each=60)
    scores = SplitScores(worth, None, 3.0)
    found = calibrate_on_held_out(scores, data, fitted_on="train", kind=kind)
    run = RunDirectory.create(tmp_path / "run", seed=0)
    CALIBRATION.write(run, found, stage="reward")
    loaded = load_calibration(run)
    assert loaded is not None
    wanted = Calibration(kind, found.temperature or 1.0, found.knots or ())
    assert (loaded([-4.0, 0.3, 2.0]) == wanted([-4.0, 0.3, 2.0])).all()
    card = evaluate(scores, data, fitted_on="train", calibration=found)
    assert card.calibration is not None
    assert card.calibration.knots is None  # they stand in their own file
    assert card.calibration.ece_after == found.ece_after


def crowd(*, like_people: bool) -> tuple[SplitScores, Dataset]:
    """150 pairs of texts, 6 people each; five members who are split as people are, or of one mind."""
    random = np.random.default_rng(5)
    data, _ = world(prompts=150)
    people = [Evaluator(kind="person", pseudonym=f"p{i}") for i in range(6)]
    members: dict[str, Any] = dict.fromkeys(data.completions, np.zeros(5))
    pairs = []
    texts: dict[str, list[str]] = {}
    for text in data.completions.values():
        texts.setdefault(text.prompt, []).append(text.id)
    for prompt, (one, other, *_) in texts.items():
        share = random.beta(1.5, 1.5)
        members[one] = np.where(random.random(5) < share, 1.0, -1.0) if like_people else np.ones(5)
        for person in people:
            first, second = (one, other) if random.random() < share else (other, one)
            pairs.append(Pair(prompt=prompt, chosen=first, rejected=second, evaluator=person.id))
    member_NS = np.stack(list(members.values()))
    value_N = member_NS.mean(1)
    scores = SplitScores(
        dict(zip(members, value_N.tolist(), strict=True)), None, 1.0, Scores(value_N, members_NS=member_NS)
    )
    evaluators = {each.id: each for each in people}
    return scores, replace(data, evaluators=evaluators, pairs={"train": (), "held_out": tuple(pairs)})


def test_members_who_are_split_as_people_are_have_no_error_and_those_of_one_mind_have() -> None:
    split, agreed = (member_calibration(*crowd(like_people=each), split="held_out") for each in (True, False))
    assert split is not None
    assert agreed is not None
    assert split.estimate is not None
    assert agreed.estimate is not None
    assert split.estimate.n == agreed.estimate.n == 150
    assert split.estimate.value == pytest.approx(0.0, abs=0.03)
    assert agreed.estimate.value > 0.2
    assert agreed.estimate.low is not None
    assert agreed.estimate.low > (split.estimate.high or 0)
    scores, data = crowd(like_people=True)
    assert evaluate(scores, data, fitted_on="train").member_calibration == split


def test_a_judge_without_members_has_none_and_strangers_are_not_people() -> None:
    scores, data = crowd(like_people=True)
    alone = replace(scores, judged=Scores(np.array(list(scores.values.values()))))
    assert member_calibration(alone, data, split="held_out") is None
    nobody = tuple(pair.model_copy(update={"evaluator": None}) for pair in data.pairs["held_out"])
    found = member_calibration(scores, replace(data, pairs=data.pairs | {"held_out": nobody}), split="held_out")
    assert found is not None
    assert "no two known people" in (found.note or "")


def test_people_are_counted_once_and_ties_are_halves() -> None:
    data, _ = world(people=4)
    a, b = sorted(text.id for text in list(data.completions.values())[:2])
    ann, bob, cid, _ = data.evaluators
    prompt = data.completions[a].prompt
    pairs = (
        Pair(prompt=prompt, chosen=a, rejected=b, evaluator=ann),
        Pair(prompt=prompt, chosen=a, rejected=b, evaluator=ann),
        Pair(prompt=prompt, chosen=b, rejected=a, evaluator=bob),
        Pair(prompt=prompt, chosen=b, rejected=a, evaluator=cid, tie=True),
    )
    assert people_by_texts(replace(data, pairs={"held_out": pairs}), "held_out") == {(a, b): (1.5, 1.5)}
