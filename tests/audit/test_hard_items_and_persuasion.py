"""OV3 and OV4 on records made by hand: what is known to be right, who is held against whom, what is missing."""

import numpy as np
import pytest

from accord.audit.oversight.deception.approvals import Approvals, is_approved
from accord.audit.oversight.deception.matched import matched_prompts, matched_weights, rise_of_false_approval
from accord.audit.oversight.deception.persuasion import within_effect
from accord.audit.oversight.difficulty.item_response import bins_of_difficulty, fit_rasch
from accord.audit.oversight.difficulty.known_answers import KnownAnswers
from accord.records import Completion, Declined, Evaluator, Judgement, Label, Prompt, Rating, Scale
from accord.stats import rate_difference

SCALE = Scale(low=0, high=10)


def answers_of(chance_EI: np.ndarray, seed: int) -> KnownAnswers:
    people, items = chance_EI.shape
    person_N, item_N = (each.ravel() for each in np.indices((people, items)))
    n = person_N.size
    return KnownAnswers(
        [f"e-{i:02}" for i in range(people)],
        [f"p-{i:02}" for i in range(items)],
        np.zeros(people, dtype=np.bool_),
        np.random.default_rng(seed).random(n) < chance_EI.ravel(),
        np.zeros(n, dtype=np.bool_),
        person_N,
        item_N,
        np.full(n, np.nan),
        [""] * n,
    )


def test_items_of_equal_difficulty_have_equal_bins() -> None:
    """Items that looked hard to some by chance are not harder for others: no regression to the mean is left."""
    gaps = []
    for seed in range(40):
        answers = answers_of(np.full((20, 40), 0.75), seed)
        bin_N = bins_of_difficulty(answers, 3).bin_N
        gaps.append(answers.right_N[bin_N == 0].mean() - answers.right_N[bin_N == 2].mean())
    assert abs(np.mean(gaps)) < 3 * np.std(gaps) / len(gaps) ** 0.5 + 0.01


def test_rasch_orders_items_and_people() -> None:
    ability_E, difficulty_I = np.linspace(-1, 1, 40), np.linspace(-2, 2, 40)
    chance_EI = 1 / (1 + np.exp(difficulty_I[None, :] - ability_E[:, None]))
    fitted = fit_rasch(answers_of(chance_EI, 0))
    assert np.corrcoef(fitted.difficulty_I, difficulty_I)[0, 1] > 0.9
    assert np.corrcoef(fitted.ability_E, ability_E)[0, 1] > 0.7


@pytest.mark.parametrize(
    ("judgement", "approved"),
    [
        (Label(selected=("up",), options=("up", "down")), True),
        (Label(selected=("down",), options=("up", "down")), False),
        (Label(selected=(), options=("right",)), False),
        (Label(selected=("blue",), options=("blue", "red")), None),
        (Rating(value=7, scale=SCALE), True),
        (Rating(value=5, scale=SCALE), None),
        (Declined(), None),
    ],
)
def test_what_approves(judgement: Judgement, approved: bool | None) -> None:
    assert is_approved(judgement) is approved


def wrong_answers(rows: list[tuple[int, bool, bool]], people: int = 8) -> Approvals:
    """Rows are (prompt, by the policy, approved); people take turns."""
    prompts = [Prompt.ask(f"question {i}") for i in range(1 + max(row[0] for row in rows))]
    who = [Evaluator(kind="person", pseudonym=f"person {i}") for i in range(people)]
    return Approvals(
        np.array([approved for *_, approved in rows]),
        np.zeros(len(rows), dtype=np.bool_),
        np.array([policy for _, policy, _ in rows]),
        [who[i % people] for i in range(len(rows))],
        [prompts[prompt] for prompt, *_ in rows],
        [Completion(prompt=prompts[prompt].id, text=f"text {i}") for i, (prompt, *_) in enumerate(rows)],
        [f"f-{i}" for i in range(len(rows))],
    )


def test_weights_give_both_arms_the_same_prompts() -> None:
    groups, policy_N = ["a"] * 4 + ["b"] * 2 + ["c"], np.array([1, 1, 1, 0, 1, 0, 1], dtype=np.bool_)
    weight_N = matched_weights(groups, policy_N)
    assert weight_N.tolist() == pytest.approx([0.25] * 3 + [0.75, 0.5, 0.5, 0.0])


def test_a_policy_that_is_wrong_on_hard_prompts_alone_is_no_deceiver() -> None:
    """Mistakes are overlooked half of the time in prompts 0-7, by either arm, never in 8-15; the policy errs in 0-7."""
    rows: list[tuple[int, bool, bool]] = []
    for prompt in range(16):
        for policy in (False, True):
            for i in range(12 if (prompt < 8) == policy else 4):
                rows.append((prompt, policy, prompt < 8 and i % 2 == 0))
    wrong = wrong_answers(rows)
    crude = rate_difference(wrong.approved_N, wrong.policy_N, wrong.prompt_ids, crossed=wrong.people)
    assert crude.value == pytest.approx(0.25)
    assert rise_of_false_approval(wrong).value == pytest.approx(0.0)
    assert matched_prompts(wrong) == 16


def test_an_effect_within_prompts_is_not_that_between_them() -> None:
    wrong = wrong_answers([(prompt, True, prompt % 2 == 0) for prompt in range(10) for _ in range(6)])
    feature_N = np.array([1.0 if prompt % 2 == 0 else 0.0 for prompt in range(10) for _ in range(6)])
    assert within_effect(wrong, feature_N, np.zeros(60)) is None
    half_N = np.tile([0.0, 1.0], 30)
    found = within_effect(wrong, half_N, np.zeros(60))
    assert found is not None
    assert found.value == pytest.approx(0.0)


def test_a_difference_of_rates_has_the_sign_of_its_arms() -> None:
    value_N, first_N = np.tile([1.0, 0.0], 40), np.tile([True, False], 40)
    people = [i // 8 for i in range(80)]
    found = rate_difference(value_N, first_N, people)
    assert found.value == 1.0
    assert found.low is not None
    assert 0 < found.low < 1
    with pytest.raises(ValueError, match="arm"):
        rate_difference(value_N, np.ones(80, dtype=np.bool_), people)
