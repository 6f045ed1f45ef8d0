"""What is measured of a ledger's feedback: in a world whose faults are known, and where there is next to nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from quality_world import StudyWorld
from said import comparison, completion, person, prompt, rating

from accord.errors import RecordError
from accord.feedback import Ledger
from accord.feedback.quality.evaluators import NUMBERS, EvaluatorQuality
from accord.feedback.quality.measure import Quality, measure_quality
from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.quality.written import WrittenAnswers
from accord.records import Demonstration, Evaluator, Feedback, Rating, Record, Telemetry
from accord.stats import Estimate

FAULTS: dict[str, dict[str, object]] = {
    "random": {"lapse": 1.0},
    "opposed": {"weights": (-1, 0)},
    "left": {"position": 3.0},
    "tires": {"tired_lapse": 1.0, "tired_after": 25.0, "tired_over": 1.0},
    "fast": {"seconds_a_word": 0.005},
}


@pytest.fixture(scope="module")
def world() -> list[Record]:
    return StudyWorld(size=30, people=FAULTS, each=60).records()


@pytest.fixture(scope="module")
def quality(world: list[Record]) -> Quality:
    return measure_quality(world)


def of(quality: Quality, pseudonym: str) -> EvaluatorQuality:
    return next(one for one in quality.evaluators if one.pseudonym == pseudonym)


def number(quality: Quality, pseudonym: str, name: str) -> Estimate:
    found = of(quality, pseudonym).numbers[name]
    assert isinstance(found, Estimate), found
    return found


def test_careless_another_view_and_the_others_are_told_apart(quality: Quality) -> None:
    assert of(quality, "random").standing == "careless"
    assert of(quality, "opposed").standing == "another view"
    ordinary = [one for one in quality.evaluators if one.pseudonym not in FAULTS]
    assert {one.standing for one in ordinary} == {"ordinary"}
    assert quality.evaluators[0].pseudonym == "random"


def test_each_fault_shows_in_its_number(quality: Quality) -> None:
    def ends(name: str, pseudonym: str) -> tuple[float, float]:
        low, high = number(quality, pseudonym, name).low, number(quality, pseudonym, name).high
        assert low is not None
        assert high is not None
        return low, high

    assert ends("lapse", "random")[0] > 0.4
    assert ends("lapse", "p01")[1] < 0.5
    assert ends("control", "random")[1] < 0.95
    assert ends("control", "p01")[0] > 0.4
    assert ends("left", "left")[0] > 0.6
    assert ends("fatigue", "tires")[1] < 0
    assert ends("too_fast", "fast")[0] > 0.7
    assert number(quality, "p01", "too_fast").value == 0
    assert ends("agreement", "opposed")[1] < 0
    assert ends("retest", "p01")[1] > 0.9
    assert number(quality, "p01", "seconds").value == pytest.approx(1.5 + 0.25 * 24, rel=0.2)
    assert number(quality, "p01", "words_per_second").value == pytest.approx(24 / 7.5, rel=0.2)


def test_every_evaluator_has_every_number_or_the_reason(quality: Quality) -> None:
    for one in quality.evaluators:
        assert list(one.numbers) == list(NUMBERS)
        assert all(value.reason for value in one.numbers.values() if isinstance(value, NotAssessed))


def test_the_whole_study(quality: Quality) -> None:
    assert quality.kinds == {"comparison": 30 * 64}
    (question,) = quality.questions
    assert (question.kind, question.people, question.study) == ("comparison", 30, "s")
    assert question.alpha is not None
    assert question.alpha.low is not None
    assert question.alpha.low > 0.1
    (age,) = question.groups
    assert (age.attribute, age.groups) == ("age", ("old", "young"))
    assert age.alpha.difference.low is not None
    assert age.alpha.difference.low < 0 < age.alpha.difference.high  # type: ignore[operator]
    assert isinstance(quality.agreement, Estimate)
    assert isinstance(quality.fatigue, Estimate)
    assert isinstance(quality.left, Estimate)
    assert [model.model for model in quality.models] == ["one_coin", "dawid_skene", "mace"]
    assert isinstance(quality.composition, NotAssessed)
    assert isinstance(quality.written, NotAssessed)


def shape(quality: Quality) -> list[object]:
    """What must not change with names and order."""
    evaluators = {one.answers: None for one in quality.evaluators}
    values = sorted(
        round(value.value, 9)
        for one in quality.evaluators
        for value in one.numbers.values()
        if isinstance(value, Estimate)
    )
    alphas = [round(one.alpha.value, 9) for one in quality.questions if one.alpha]
    return [evaluators, values, alphas, str(quality.agreement), quality.kinds]


def test_other_names_and_another_order_of_evaluators_change_nothing() -> None:
    records = StudyWorld(size=12, each=30, people={"random": {"lapse": 1.0}}).records()
    whole = measure_quality(records)
    by = {one.id: one for one in records if isinstance(one, Evaluator)}
    renamed = {name: one.model_copy(update={"pseudonym": f"x-{one.pseudonym[::-1]}"}) for name, one in by.items()}
    ids: dict[str, str] = {}
    others: list[Record] = []
    for record in records:
        match record:
            case Evaluator():
                others.append(renamed[record.id])
            case Feedback():
                update = {"evaluator": renamed[record.evaluator].id, "repeat_of": ids.get(record.repeat_of or "")}
                changed = record.model_copy(update=update)
                ids[record.id] = changed.id
                others.append(changed)
            case _:
                others.append(record)
    people = list(reversed(renamed.values()))
    place = {one.id: number for number, one in enumerate(people)}
    feedback = [record for record in others if isinstance(record, Feedback)]
    rest = [record for record in others if not isinstance(record, Feedback)]
    turned = measure_quality([*sorted(feedback, key=lambda record: place[record.evaluator]), *rest])
    assert shape(turned)[0] == shape(whole)[0]
    assert shape(turned)[1] == pytest.approx(shape(whole)[1], abs=1e-4)  # models are fitted to a tolerance
    assert shape(turned)[2:3] == shape(whole)[2:3]


def test_a_ledger_gives_what_its_records_give(world: list[Record], quality: Quality, tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.extend(world)
        assert measure_quality(ledger) == quality
        assert measure_quality(ledger, study="s").kinds == quality.kinds
        with pytest.raises(RecordError, match="nothing of the study 't'; known are s"):
            measure_quality(ledger, study="t")


# -- next to nothing -----------------------------------------------------------------------------------------------

ASKED = prompt()
TEXTS = [completion(ASKED, text) for text in "abcdef"]
U, V, W = (person(name) for name in "uvw")


def measured(*feedback: Feedback, people: Sequence[Evaluator] = (U, V, W)) -> Quality:
    return measure_quality([ASKED, *TEXTS, *people, *feedback])


def test_an_empty_ledger(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        quality = measure_quality(ledger)
    assert (quality.answers, quality.evaluators, quality.questions) == (0, [], [])
    assert isinstance(quality.agreement, NotAssessed)
    assert isinstance(quality.poisoning, NotAssessed)


def test_one_answer_and_items_of_one_person() -> None:
    quality = measured(comparison(U, *TEXTS[:2], "left", seconds=3.0))
    numbers = of(quality, "u").numbers
    assert isinstance(numbers["agreement"], NotAssessed)
    assert numbers["seconds"] == Estimate(3.0, None, None, 1, method="no interval of a single cluster")
    assert quality.questions[0].alpha is None


def test_two_people_who_differ_on_the_only_item() -> None:
    quality = measured(comparison(U, *TEXTS[:2], "left"), comparison(V, *TEXTS[:2], "right"))
    assert isinstance(of(quality, "u").numbers["one_coin"], NotAssessed)
    assert of(quality, "u").standing is None


def test_ratings_that_are_all_equal() -> None:
    quality = measured(*(rating(by, text, 2.0, "s") for by in (U, V) for text in TEXTS))
    assert quality.questions[0].alpha is None
    assert isinstance(of(quality, "u").numbers["repetition"], NotAssessed)


def test_taken_back_answers_count_nowhere() -> None:
    gold = Rating(value=4.0, scale=rating(U, TEXTS[0], 1.0).judgement.scale)
    first = rating(U, TEXTS[0], -4.0, "s", gold=gold, seconds=1.0, position_in_session=0)
    again = rating(U, TEXTS[0], -4.0, "s", repeat_of=first.id, seconds=1.0)
    later = rating(U, TEXTS[0], 4.0, "s", gold=gold, replaces=first.id, seconds=9.0, position_in_session=1)
    quality = measured(first, again, later)
    assert (quality.taken_back, quality.answers) == (1, 2)
    assert number(quality, "u", "control").value == 1.0
    assert isinstance(of(quality, "u").numbers["retest"], NotAssessed)  # what it repeats was taken back
    assert number(quality, "u", "seconds").value == 5.0


def test_machines_are_not_judged_by_reading_speed_and_do_not_make_agreement() -> None:
    model = Evaluator(kind="model", pseudonym="m")
    said = [comparison(by, *TEXTS[:2], "left", seconds=0.01) for by in (U, model)]
    quality = measured(*said, people=(U, model))
    numbers = of(quality, "m").numbers
    assert isinstance(numbers["too_fast"], NotAssessed)
    assert isinstance(numbers["seconds"], NotAssessed)
    assert numbers["agreement"] == NotAssessed("agreement is counted among people")
    assert quality.questions[0].alpha is None


def test_what_machines_chose_and_wrote_is_not_what_people_do() -> None:
    model = Evaluator(kind="model", pseudonym="m")
    chosen = [comparison(by, *TEXTS[:2], side, shown_digest="d") for by, side in ((U, "left"), (model, "right"))]
    demonstrations = [
        Feedback(
            evaluator=by.id,
            prompt=ASKED.id,
            completions=(),
            judgement=Demonstration(text="a long answer " * 9),
            seconds=seconds,
            telemetry=Telemetry(pasted=pasted, keystrokes=keystrokes),
        )
        for by, seconds, pasted, keystrokes in ((U, 100.0, 0, 126), (model, 0.1, 1, 0))
    ]
    quality = measured(*chosen, *demonstrations, people=(U, model))
    assert isinstance(quality.left, Estimate)
    assert (quality.left.value, quality.left.n) == (1.0, 1)
    assert isinstance(quality.written, WrittenAnswers)
    for share in (quality.written.pasted, quality.written.untyped, quality.written.too_fast):
        assert isinstance(share, Estimate)
        assert (share.value, share.n) == (0.0, 1)
    alone = measured(chosen[1], demonstrations[1], people=(model,))
    assert alone.written == NotAssessed("nobody wrote an answer of their own (demonstrations)")
    assert alone.left == NotAssessed("no person's decided comparison whose order on the screen was recorded")


def test_nobody_in_particular_is_counted_and_left_out() -> None:
    nobody = Evaluator(kind="person", pseudonym="unknown", pool="file", inferred=True)
    quality = measured(comparison(nobody, *TEXTS[:2], "left"), comparison(U, *TEXTS[:2], "left"), people=(nobody, U))
    assert (quality.unknown, quality.answers) == (1, 1)


def test_one_persons_repetition_is_no_agreement() -> None:
    said = [comparison(U, *TEXTS[:2], "left", session=session) for session in "ab"]
    quality = measured(*said)
    assert isinstance(quality.agreement, NotAssessed)
    assert quality.questions[0].alpha is None
    assert quality.answers == 2
