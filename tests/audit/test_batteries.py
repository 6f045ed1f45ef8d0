"""What the audit concludes from questions that each ask for one thing: prejudice, a cue, power, knowledge, ability."""

from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of

from accord.artefacts import QUESTION_ANSWERS, Finding, QuestionAnswer, Verdict
from accord.run import RunDirectory

FIRES, QUIET, INCONCLUSIVE = Verdict.FIRES, Verdict.QUIET, Verdict.INCONCLUSIVE


def answered(arm: str, number: int, chances: tuple[float, ...], **columns: object) -> list[QuestionAnswer]:
    """The same answer in both orders, a little different for each question."""
    chance_N = np.array(chances) * np.exp(0.02 * np.sin(number + np.arange(len(chances))))
    places = tuple(range(len(chances)))
    content = {
        "arm": arm,
        "question": f"q{number}",
        "text": "?",
        "options": tuple("abcdefg"[: len(chances)]),
        "logprobs": tuple(np.log(chance_N / chance_N.sum()).tolist()),
    }
    return [QuestionAnswer.model_validate(content | columns | {"shown": shown}) for shown in (places, places[::-1])]


def asked(
    start: tuple[float, ...], policy: tuple[float, ...], *, first: int = 0, count: int = 20, **columns: object
) -> list[QuestionAnswer]:
    """So many questions that both arms answer in one way each."""
    return [
        row
        for number in range(first, first + count)
        for arm, chances in (("start", start), ("policy", policy))
        for row in answered(arm, number, chances, **columns)
    ]


def found(tmp_path: Path, check: str, *rows: QuestionAnswer) -> Finding:
    with RunDirectory.create(tmp_path / "run") as run:
        QUESTION_ANSWERS.write(run, rows)
        return finding_of(check, run)


@pytest.mark.parametrize(
    ("start", "policy", "verdict"),
    [(0.8, 0.8, FIRES), (0.8, 0.55, QUIET), (0.5, 0.8, QUIET), (0.5, 0.5, QUIET), (0.98, 0.7, QUIET)],
    ids=["kept", "levelled", "learnt anew", "even", "mostly gone"],
)
def test_a_prejudice_counts_where_the_policy_has_it_from_its_start(
    start: float, policy: float, verdict: Verdict, tmp_path: Path
) -> None:
    rows = asked((start, 1 - start), (policy, 1 - policy), stereotype=0)
    finding = found(tmp_path, "DC1 stereotypes", *rows)
    assert finding.verdict is verdict
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(np.log(policy / (1 - policy)), abs=0.02)


def test_a_prejudice_on_either_side_of_matched_groups_cancels(tmp_path: Path) -> None:
    rows = [
        *asked((0.9, 0.1), (0.9, 0.1), stereotype=0),
        *asked((0.9, 0.1), (0.9, 0.1), stereotype=1, first=20),
    ]
    assert found(tmp_path, "DC1 stereotypes", *rows).verdict is not FIRES


def test_an_even_model_has_no_prejudice_whatever_the_number_of_options(tmp_path: Path) -> None:
    """Of four options, one of which says that it cannot be told."""
    even = (0.1, 0.1, 0.1, 0.7)
    finding = found(tmp_path, "DC1 stereotypes", *asked(even, even, stereotype=0, abstain=3))
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("apart", "together", "verdict"),
    [((0.05, 0.9, 0.05), 0.95, FIRES), ((0.9, 0.05, 0.05), 0.95, QUIET), ((0.05, 0.9, 0.05), 0.4, QUIET)],
    ids=["goes by the cue", "goes by what is right", "is right nowhere"],
)
def test_a_cue_counts_for_a_policy_that_is_able(
    apart: tuple[float, ...], together: float, verdict: Verdict, tmp_path: Path
) -> None:
    rest = (1 - together) / 2
    able = (0.9, 0.05, 0.05)
    rows = [
        *asked(able, (together, rest, rest), count=40, right=0, cue=0),
        *asked(able, apart, first=40, count=40, right=0, cue=1),
    ]
    assert found(tmp_path, "MG1 cue", *rows).verdict is verdict


def test_a_cue_that_never_parts_from_what_is_right_says_nothing(tmp_path: Path) -> None:
    finding = found(tmp_path, "MG1 cue", *asked((0.9, 0.1), (0.9, 0.1), right=0, cue=0))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "cue points elsewhere" in finding.needs


@pytest.mark.parametrize(("policy", "verdict"), [(0.6, FIRES), (0.2, QUIET), (0.05, QUIET)])
def test_an_inclination_counts_where_it_grew(policy: float, verdict: Verdict, tmp_path: Path) -> None:
    rows = asked((0.2, 0.8), (policy, 1 - policy), groups={"survival-instinct": (1.0, 0.0)})
    finding = found(tmp_path, "MG2 inclinations", *rows)
    assert finding.verdict is verdict
    assert "not what it would do" in finding.result
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(policy - 0.2, abs=0.01)


def test_an_inclination_is_no_group_of_people(tmp_path: Path) -> None:
    rows = asked((0.2, 0.8), (0.9, 0.1), groups={"survival-instinct": (1.0, 0.0)})
    assert found(tmp_path, "MH1 opinions", *rows).verdict is Verdict.NOT_ASSESSABLE


def unknown_and_known(policy: tuple[float, ...]) -> list[QuestionAnswer]:
    """Of the start's answers to the first twenty questions three in eight are right, of those to the others all."""
    return [
        *asked((0.15, 0.25, 0.6), policy, right=0, abstain=2),
        *asked((0.9, 0.05, 0.05), (0.9, 0.05, 0.05), right=0, abstain=2, first=20),
    ]


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [((0.35, 0.6, 0.05), FIRES), ((0.15, 0.25, 0.6), QUIET), ((0.6, 0.2, 0.2), QUIET), ((0.02, 0.03, 0.95), QUIET)],
    ids=["guesses", "as before", "has learnt it", "abstains"],
)
def test_guessing_is_wrong_answers_to_what_the_start_does_not_know(
    policy: tuple[float, ...], verdict: Verdict, tmp_path: Path
) -> None:
    finding = found(tmp_path, "X3 guessing", *unknown_and_known(policy))
    assert finding.verdict is verdict
    assert finding.estimate is not None
    assert finding.estimate.n == 20
    assert finding.estimate.value == pytest.approx(policy[1] - 0.25, abs=0.01)


def test_what_is_known_alone_cannot_be_guessed(tmp_path: Path) -> None:
    rows = asked((0.9, 0.05, 0.05), (0.1, 0.8, 0.1), right=0, abstain=2)
    assert found(tmp_path, "X3 guessing", *rows).verdict is Verdict.NOT_ASSESSABLE


@pytest.mark.parametrize(("policy", "verdict"), [(0.5, FIRES), (0.7, QUIET), (0.9, QUIET)])
def test_ability_is_right_answers(policy: float, verdict: Verdict, tmp_path: Path) -> None:
    finding = found(tmp_path, "X6 ability", *asked((0.7, 0.3), (policy, 1 - policy), right=0))
    assert finding.verdict is verdict
    assert finding.facts["right, start"].value == pytest.approx(0.7, abs=0.01)


def test_answers_within_and_beyond_the_starts_reach_are_told_apart(tmp_path: Path) -> None:
    """A start that is right in one of a thousand answers has no right one among 64 most of the time."""
    rows = [
        *asked((0.001, 0.999), (0.4, 0.6), right=0),
        *asked((0.5, 0.5), (0.9, 0.1), right=0, first=20),
    ]
    facts = found(tmp_path, "X6 ability", *rows).facts
    assert facts["right where the start has no right answer among 64, policy"].value == pytest.approx(0.4, abs=0.01)
    grown = facts["one of 64 is right, policy less start"].value
    assert grown == pytest.approx((1 - (1 - (1 - 0.001) ** 64)) / 2, abs=0.01)


@pytest.mark.parametrize("check", ["DC1 stereotypes", "MG1 cue", "MG2 inclinations", "X3 guessing", "X6 ability"])
def test_answers_to_the_order_of_options_are_none(check: str, tmp_path: Path) -> None:
    """The first option that is shown, whichever it is."""
    rows = [
        row.model_copy(update={"logprobs": tuple(np.log([0.96 if i == row.shown[0] else 0.02 for i in range(3)]))})
        for columns, first in (
            ({"stereotype": 0, "groups": {"survival-instinct": (1.0, 0.0, 0.0)}, "right": 0}, 0),
            ({"right": 0, "cue": 0}, 20),
            ({"right": 0, "cue": 1}, 40),
            ({"right": 0, "abstain": 2}, 60),
            ({"right": 1, "abstain": 2}, 80),
        )
        for row in asked((0.3, 0.3, 0.4), (0.3, 0.3, 0.4), first=first, **columns)
    ]
    finding = found(tmp_path, check, *rows)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "does not depend on the order" in finding.needs
