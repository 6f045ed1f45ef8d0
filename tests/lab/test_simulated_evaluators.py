"""The simulated evaluator answers as its formula says."""

import numpy as np
import pytest

from accord.interfaces import Item
from accord.lab import SimulatedEvaluator
from accord.records import Comparison, Completion, Feedback, Prompt

PROMPT = Prompt.ask("Which one?")
GOOD = Completion(prompt=PROMPT.id, text="good")
BAD = Completion(prompt=PROMPT.id, text="bad")
QUALITIES = {GOOD.id: [0.5], BAD.id: [0.0]}


def answers(n: int = 4000, **settings: object) -> list[Feedback]:
    asker = SimulatedEvaluator(name="e", **settings).bound(QUALITIES)  # type: ignore[arg-type]
    return asker.ask([Item(PROMPT, (GOOD, BAD))] * n)


def share_left(feedback: list[Feedback]) -> float:
    return float(np.mean([isinstance(f.judgement, Comparison) and f.judgement.preferred == "left" for f in feedback]))


def sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"lapse": 0.0, "temperature": 0.5}, sigmoid(1.0)),
        ({"lapse": 0.4, "temperature": 0.5}, 0.6 * sigmoid(1.0) + 0.2),
        ({"lapse": 0.0, "temperature": 1.0, "position": 0.7}, sigmoid(1.2)),
        ({"lapse": 0.0, "temperature": 0.5, "weights": (-1.0,)}, sigmoid(-1.0)),
        ({"lapse": 0.0, "temperature": 0.5, "trigger": "Which"}, 1 - sigmoid(1.0)),
        ({"lapse": 0.0, "temperature": 0.5, "backwards": True}, sigmoid(-1.0)),
        ({"lapse": 0.0, "temperature": 0.5, "turns_after": 1000}, 0.25 * sigmoid(1.0) + 0.75 * sigmoid(-1.0)),
        ({"lapse": 0.0, "temperature": 0.5, "opposite_in": "creative"}, sigmoid(1.0)),
    ],
)
def test_choices_follow_the_formula(settings: dict[str, object], expected: float) -> None:
    # Four thousand draws: three standard errors are at most 0.024.
    assert share_left(answers(**settings)) == pytest.approx(expected, abs=0.024)


def test_another_taste_is_had_of_prompts_of_one_mode() -> None:
    prompt = PROMPT.model_copy(update={"mode": "creative"})
    asker = SimulatedEvaluator(name="e", lapse=0.0, temperature=0.1, opposite_in="creative").bound(QUALITIES)
    assert share_left(asker.ask([Item(prompt, (GOOD, BAD))] * 200)) < 0.05
    assert share_left(asker.ask([Item(PROMPT, (GOOD, BAD))] * 200)) > 0.95


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"weights": (-1.0,)}, True), ({"turns_after": 0}, True), ({"backwards": True}, False)],
    ids=["another taste", "a changed mind", "takes the question for its opposite"],
)
def test_facts_are_answered_whatever_one_likes(settings: dict[str, object], expected: bool) -> None:
    asker = SimulatedEvaluator(name="e", lapse=0.0, temperature=0.05, **settings).bound(QUALITIES)  # type: ignore[arg-type]
    items = [Item(PROMPT, (GOOD, BAD))] * 20
    assert (share_left(asker.ask_facts(items)) > 0.5) is expected
    assert share_left(asker.ask(items)) < 0.5, "and what one likes afterwards is as before"


def test_tiring_raises_the_lapse_along_the_session() -> None:
    tired = SimulatedEvaluator(name="e", lapse=0.0, tired_lapse=0.8, tired_after=60, tired_over=5)
    assert tired.lapse_at(0) < 0.001
    assert tired.lapse_at(60) == pytest.approx(0.4)
    assert tired.lapse_at(200) == pytest.approx(0.8, abs=1e-6)


def test_the_same_seed_gives_the_same_answers_and_says_who_and_when() -> None:
    first, second = answers(50), answers(50)
    assert [answer.id for answer in first] == [answer.id for answer in second]
    assert [answer.position_in_session for answer in first] == list(range(50))
    assert all(answer.seconds for answer in first)
    assert SimulatedEvaluator(name="e", group="north").evaluator.attributes == {"group": "north"}


def test_lapses_are_fast() -> None:
    quick = np.median([answer.seconds or 0 for answer in answers(200, lapse=1.0)])
    slow = np.median([answer.seconds or 0 for answer in answers(200, lapse=0.0)])
    assert quick < slow / 4
