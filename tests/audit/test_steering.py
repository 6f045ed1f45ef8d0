"""MG2 steering: whether answers are about their prompts, and whether a policy turns away from the challenging ones."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.artefacts import EVALUATION_SAMPLES, STEERING_ANSWERS, Finding, SteeringAnswer, Verdict
from accord.audit import Evidence
from accord.audit.conduct.relevance import is_on_subject, nearer_prompts
from accord.audit.conduct.steering import difference_of_growths
from accord.audit.conduct.steering_thresholds import SteeringThresholds
from accord.errors import AuditError
from accord.feedback import write_data
from accord.loop.stage import Context
from accord.loop.steering import ask_challenging
from accord.recipe import load
from accord.run import RunDirectory
from accord.stats import Estimate
from small_data import letters_dataset
from small_run import RECIPE

BIRDS = ("heron", "robin", "swallow", "plover", "curlew", "bittern", "magpie", "osprey", "kestrel", "wagtail")
PROMPTS = [f"What do you think of the {bird}?" for bird in BIRDS]
WORD = st.sampled_from([*BIRDS, "fine", "warm", "what", "of", "漢字", ""])


def test_an_answer_is_nearest_to_what_it_speaks_of() -> None:
    answers = [f"The {bird}s are fine." for bird in BIRDS]
    own = np.arange(len(BIRDS))
    assert nearer_prompts(PROMPTS, answers, own).tolist() == [0.0] * len(BIRDS)
    assert is_on_subject(PROMPTS, answers, own, 0.1).all()
    assert not is_on_subject(PROMPTS, answers, np.roll(own, 1), 0.1).any()


def test_an_answer_that_shares_no_word_is_as_near_to_all() -> None:
    nearer = nearer_prompts(PROMPTS, ["", "xyz", "!?"], np.array([0, 3, 5]))
    assert nearer.tolist() == [(len(BIRDS) - 1) / 2] * 3
    assert nearer_prompts(["?", "!"], ["a", "b"], np.array([0, 1])).tolist() == [0.5, 0.5]


def test_prompts_without_spaces_are_told_apart() -> None:
    assert nearer_prompts(["今日天气如何", "他喜欢读书吗"], ["天气很好", "书读得多"], np.array([0, 1])).tolist() == [
        0,
        0,
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(WORD, max_size=5), min_size=1, max_size=5), st.integers(0, 9), st.permutations(range(10)))
def test_the_order_of_the_prompts_does_not_matter(texts: list[list[str]], own: int, order: list[int]) -> None:
    answers = [" ".join(words) for words in texts]
    one = nearer_prompts(PROMPTS, answers, np.full(len(answers), own))
    other = nearer_prompts([PROMPTS[i] for i in order], answers, np.full(len(answers), order.index(own)))
    assert one.tolist() == other.tolist()
    assert ((one >= 0) & (one <= len(PROMPTS) - 1)).all()


def test_by_chance_a_tenth_is_about_its_prompt() -> None:
    random = np.random.default_rng(0)
    prompts = [f"What of the thing{number:03d} there?" for number in range(100)]
    own, spoken = random.integers(100, size=(2, 400))
    answers = [f"It is thing{number:03d}." for number in spoken]
    assert is_on_subject(prompts, answers, own, 0.1).mean() == pytest.approx(0.1, abs=0.05)


def test_the_difference_of_differences_has_the_ends_of_both() -> None:
    one, other = Estimate(0.5, 0.4, 0.7, 10, 5), Estimate(0.1, -0.1, 0.2, 20, 8)
    both = difference_of_growths(one, other)
    assert (both.value, both.n, both.clusters) == (pytest.approx(0.4), 30, 5)
    assert both.low == pytest.approx(0.4 - np.hypot(0.1, 0.1))
    assert both.high == pytest.approx(0.4 + np.hypot(0.2, 0.2))
    assert difference_of_growths(one, Estimate(0.1, None, None, 1, 1)).low is None


# -- the check ---------------------------------------------------------------------------------------------------

NAMES = [f"{adjective} {bird}" for bird in BIRDS for adjective in ("old", "grey", "shy", "tame")]


def answered(tmp_path: Path, answer: Callable[[str, bool, str, int], str], *, most: int = 40) -> Finding:
    """The finding where `answer(arm, challenging, name, number)` was said to each prompt, every other a challenge."""
    rows = [
        SteeringAnswer(
            arm=arm,
            prompt=name,
            question=f"What of the {name}?",
            challenging=number % 2 == 0,
            index=index,
            answer=answer(arm, number % 2 == 0, name, number),
        )
        for arm in ("start", "policy")
        for number, name in enumerate(NAMES[:most])
        for index in range(2)
    ]
    with RunDirectory.create(tmp_path / "run") as run:
        STEERING_ANSWERS.write(run, rows)
        return finding_of("MG2 steering", run)


def about(name: str) -> str:
    return f"Fine is the {name}."


def other(number: int) -> str:
    return about(NAMES[(number + 21) % 40])


def test_a_policy_that_speaks_of_something_else_where_it_is_hard_fires(tmp_path: Path) -> None:
    def turns(arm: str, challenging: bool, name: str, number: int) -> str:
        return other(number) if arm == "policy" and challenging else about(name)

    finding = answered(tmp_path, turns)
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1.0)
    assert finding.ids["prompts"].count == 20


def test_one_that_refuses_by_name_does_too(tmp_path: Path) -> None:
    def refuses(arm: str, challenging: bool, name: str, number: int) -> str:
        return f"I’d rather not speak of the {name}." if arm == "policy" and challenging else about(name)

    assert answered(tmp_path, refuses).verdict is Verdict.FIRES


def test_what_changes_everywhere_or_was_so_before_does_not(tmp_path: Path) -> None:
    def terse(arm: str, challenging: bool, name: str, number: int) -> str:
        return "Yes." if arm == "policy" else about(name)

    def always(arm: str, challenging: bool, name: str, number: int) -> str:
        return other(number) if challenging else about(name)

    def better(arm: str, challenging: bool, name: str, number: int) -> str:
        return other(number) if arm == "start" and number % 4 == 1 else about(name)

    for number, answer in enumerate((terse, always, better)):
        assert answered(tmp_path / str(number), answer).verdict is not Verdict.FIRES


def test_too_few_prompts_and_answers_that_tell_nothing_cannot_be_assessed(tmp_path: Path) -> None:
    few = answered(tmp_path / "few", lambda arm, challenging, name, number: about(name), most=10)
    assert "6 challenging prompts" in few.needs
    silent = answered(tmp_path / "silent", lambda arm, challenging, name, number: "Yes.")
    assert "answers of the start whose words tell" in silent.needs


@pytest.mark.parametrize("turns", [True, False])
def test_the_runs_own_prompts_are_hard_where_the_judge_liked_the_start_least(turns: bool, tmp_path: Path) -> None:
    dataset = letters_dataset(prompts=60)
    prompts = list(dataset.prompts.values())
    rows = [
        evaluation_sample(
            arm,
            prompt.id,
            text=f"It is about text {number if not (turns and arm == 'policy' and number < 20) else 59 - number}",
            eval_reward=float(number),
            index=index,
        )
        for arm in ("start", "policy")
        for number, prompt in enumerate(prompts)
        for index in range(2)
    ]
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, dataset)
        EVALUATION_SAMPLES.write(run, rows)
        finding = finding_of("MG2 steering", run)
        assert (finding.verdict is Verdict.FIRES) is turns
        assert "hard prompts" in finding.result
        EVALUATION_SAMPLES.write(run, [row.model_copy(update={"eval_reward": None}) for row in rows])
        assert "`eval_reward`" in finding_of("MG2 steering", run).needs


# -- the prompts of the user's -----------------------------------------------------------------------------------


def test_both_models_are_asked_once_and_again_where_prompts_change(run: RunDirectory, tmp_path: Path) -> None:
    hard, plain = tmp_path / "hard.jsonl", tmp_path / "plain.jsonl"
    hard.write_text("\n".join(json.dumps({"prompt": f"Why is {i} hard?"}) for i in range(3)))
    plain.write_text("\n".join(json.dumps({"prompt": f"What is {i}?"}) for i in range(2)))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[audit.steering]\nchallenging = "hard.jsonl"\nplain = ["plain.jsonl"]\nmax_tokens = 4\n')
    context = Context(RECIPE.model_copy(update={"audit": load(recipe).audit}), run)
    ask_challenging(Context(RECIPE, run))
    assert not STEERING_ANSWERS.has(run)
    ask_challenging(context)
    rows = Evidence(run).steering_answers
    assert len(rows) == 2 * 2 * (3 + 2)
    assert {(row.question, row.challenging) for row in rows} >= {("Why is 0 hard?", True), ("What is 1?", False)}
    entry = run.manifest.files["steering_answers.jsonl"]
    ask_challenging(context)
    assert run.manifest.files["steering_answers.jsonl"] is entry
    plain.write_text(json.dumps({"prompt": "Why is 1 hard?"}))
    with pytest.raises(AuditError, match="as challenging and as plain"):
        ask_challenging(context)
    plain.unlink()
    ask_challenging(context)  # the files of a run that was moved
    assert run.manifest.files["steering_answers.jsonl"] is entry


def test_prompts_of_one_sort_and_blank_words_are_refused() -> None:
    with pytest.raises(ValueError, match="of both `challenging` and `plain`"):
        SteeringThresholds.model_validate({"challenging": "hard.jsonl"})
    with pytest.raises(ValueError, match="none of them blank"):
        SteeringThresholds.model_validate({"deflections": [" "]})
