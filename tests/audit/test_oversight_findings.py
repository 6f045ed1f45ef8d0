"""OV1 and OV2 on runs of which only the ledger matters: what is missing is said, and honest people set nothing off."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of
from scipy.stats import binom

from accord.artefacts import COMPLETIONS, EVALUATORS, Finding, Verdict
from accord.audit.oversight.known import probably_wrong
from accord.feedback import Ledger
from accord.feedback.trust.standing import judge_standing
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Rating, Scale
from accord.run import InputEntry, RunDirectory

SCALE = Scale(low=0, high=8)
PROMPT = Prompt.ask("How good is it?")
TEXTS = [Completion(prompt=PROMPT.id, text=f"text {i}") for i in range(30)]


def person(number: int) -> Evaluator:
    return Evaluator(kind="simulated", pseudonym=f"e{number:02d}")


def rating(who: int, item: int, value: float, **fields: object) -> Feedback:
    content = {"evaluator": person(who).id, "prompt": PROMPT.id, "completions": (TEXTS[item].id,)}
    judgement = Rating(value=float(np.clip(value, 0, 8)), scale=SCALE)
    return Feedback.model_validate(content | {"judgement": judgement} | fields)


def comparison(who: int, item: int, side: str, **fields: object) -> Feedback:
    texts = (TEXTS[item].id, TEXTS[(item + 1) % len(TEXTS)].id)
    judgement = Comparison.model_validate({"preferred": side})
    content = {"evaluator": person(who).id, "prompt": PROMPT.id, "completions": texts, "judgement": judgement}
    return Feedback.model_validate(content | fields)


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[str, Sequence[Feedback]], Finding]:
    """What a check makes of a run whose ledger holds these answers."""

    def finding(check: str, answers: Sequence[Feedback]) -> Finding:
        people = [person(number) for number in range(40)]
        with Ledger(tmp_path / "people.db") as ledger:
            ledger.extend([PROMPT, *TEXTS, *people, *answers])
            last = ledger.last_row
        with RunDirectory.create(tmp_path / "run") as run:
            run.record_input("ledger", InputEntry("", path="../people.db", rows=last, last_row=last))
            EVALUATORS.write(run, people)
            COMPLETIONS.write(run, TEXTS)
            return finding_of(check, run)

    return finding


Audited = Callable[[str, Sequence[Feedback]], Finding]


@pytest.mark.parametrize(
    ("check", "missing"),
    [
        ("OV1 careless", "10 evaluators of at least 20 opinions"),
        ("OV1 straight lines", "10 evaluators of more than 10 answers"),
        ("OV1 time", "Feedback.seconds"),
        ("OV1 fatigue", "Feedback.position_in_session"),
        ("OV1 change", "10 evaluators of at least 20 answers"),
        ("OV1 control", "Feedback.gold"),
        ("OV1 position", "Feedback.shown_digest"),
        ("OV1 repeats", "Feedback.repeat_of"),
        ("OV2 hidden", "Feedback.shown_digest"),
        ("OV2 shown", "Feedback.available_digest"),
    ],
)
def test_what_is_missing_is_said(check: str, missing: str, audited: Audited) -> None:
    finding = audited(check, [rating(who, item, 4.0 * item) for who in range(3) for item in range(3)])
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert missing in finding.needs


def sessions(people: int, *, tired: float, seed: int) -> list[Feedback]:
    """Thirty ratings each, in orders of their own; at place t one is at random with the chance `tired` t / 29."""
    random = np.random.default_rng(seed)
    quality = random.integers(1, 8, 30)
    answers = []
    for who in range(people):
        for place, item in enumerate(random.permutation(30).tolist()):
            at_random = random.random() < tired * place / 29
            value = random.integers(0, 9) if at_random else quality[item] + random.integers(-1, 2)
            answers.append(rating(who, item, float(value), position_in_session=place))
    return answers


def test_twelve_people_who_tire_show_it_and_by_how_much(audited: Audited) -> None:
    finding = audited("OV1 fatigue", sessions(12, tired=0.9, seed=0))
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert 0.6 < finding.estimate.value < 1.8  # a uniform rating lies further off than one drawn from all ratings


def test_twelve_people_who_do_not_tire_set_nothing_off(audited: Audited) -> None:
    assert audited("OV1 fatigue", sessions(12, tired=0.0, seed=1)).verdict is not Verdict.FIRES


def repeating(repetition: float, seed: int) -> list[Feedback]:
    """Thirty ratings each of twenty people, a fifth of whom repeat their last one as often as given."""
    random = np.random.default_rng(seed)
    answers = []
    for who in range(20):
        last = 4
        for item in range(30):
            if who >= 4 or random.random() >= repetition:
                last = int(random.integers(0, 9))
            answers.append(rating(who, item, last))
    return answers


def test_a_fifth_of_twenty_people_who_repeat_themselves_fire(audited: Audited) -> None:
    finding = audited("OV1 straight lines", repeating(0.7, seed=0))
    assert finding.verdict is Verdict.FIRES
    assert finding.ids["evaluators"].count == 4


def test_twenty_people_who_do_not_repeat_themselves_are_quiet(audited: Audited) -> None:
    assert audited("OV1 straight lines", repeating(0.0, seed=1)).verdict is Verdict.QUIET


def controlled(wrong: Sequence[int]) -> list[Feedback]:
    """Eight control questions each, of which so many are answered wrongly."""
    gold = Comparison(preferred="left")
    return [
        comparison(who, item, "right" if item < count else "left", gold=gold)
        for who, count in enumerate(wrong)
        for item in range(8)
    ]


def test_whoever_is_surely_wrong_in_control_questions_is_named(audited: Audited) -> None:
    finding = audited("OV1 control", controlled([0] * 32 + [8] * 8))
    assert finding.verdict is Verdict.FIRES
    assert set(finding.ids["evaluators"].ids) == {person(number).id for number in range(32, 40)}


def test_a_few_wrong_among_many_people_fire_by_whose_they_are(audited: Audited) -> None:
    finding = audited("OV1 control", controlled([0] * 37 + [8] * 3))
    assert finding.verdict is Verdict.FIRES  # 7.5 % are wrong [0, .16], which alone is open; all are three people's
    assert finding.estimate is not None
    assert finding.estimate.low is not None
    assert finding.estimate.low < 0.05


def test_single_slips_name_nobody(audited: Audited) -> None:
    finding = audited("OV1 control", controlled([0] * 38 + [1] * 2))
    assert finding.verdict is not Verdict.FIRES
    assert "evaluators" not in finding.ids or not finding.ids["evaluators"].count


@pytest.mark.parametrize(("wrong", "count", "named"), [(2, 4, False), (3, 4, True), (3, 8, False), (4, 8, True)])
def test_of_whom_more_than_a_quarter_is_surely_wrong(wrong: int, count: int, named: bool) -> None:
    assert probably_wrong(np.array([float(wrong)]), np.array([float(count)])).tolist() == [named]


def test_careless_is_who_lies_an_eighth_at_random_below_the_usual_rate() -> None:
    standings = judge_standing(["e"], np.array([20.0]), np.array([40.0]), np.array([0.8]), method="votes", lapse=0.5)
    assert standings.p_value["e"] == pytest.approx(binom.cdf(20, 40, 0.8 - 0.3 / 8))
