"""A model as a judge of an evaluation: an endpoint of the test's own answers, rightly, by place, or not at all."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from own_evaluation_runs import START, evaluated_run, perform, recipe_with

from accord.artefacts import OWN_EVALUATION, PAIR_READINGS, OwnEvaluation, PairReading, RunReader
from accord.errors import EndpointError
from accord.feedback import write_data
from accord.loop.independence import model_taught
from accord.recipe import Recipe
from accord.records import Comparison, Evaluator, Feedback
from accord.run import RunDirectory
from small_data import letters_dataset
from talking_server import SILENCE, answer_key, last_message, talking

TEXTS = {
    "start": [["b one"], ["b two"], ["same"], ["b four"], ["b five"], ["b six"]],
    "policy": [["a one"], ["a two"], ["same"], ["a four"], ["a five"], ["b and a"]],
}


def shown(body: dict[str, Any]) -> dict[str, str]:
    """The texts that were asked about, by their letters."""
    asked = str(body["messages"][0]["content"])
    found = re.findall(r"^<answer (\w) (\w+)>\n(.*?)\n</answer \1 \2>$", asked, re.M | re.S)
    return {letter: text for letter, _, text in found}


def answer(body: dict[str, Any], stated: str) -> str:
    return f"Let me see.\n\nANSWER {answer_key(body)}: {stated}"


def by_text(body: dict[str, Any]) -> str:
    """Whichever begins with an a."""
    texts = shown(body)
    best = [letter for letter, text in texts.items() if text.startswith("a")]
    return answer(body, best[0] if best else "TIE")


def asked(run: RunDirectory, recipe: Recipe) -> tuple[OwnEvaluation, list[PairReading]]:
    perform(run, recipe, "judges/far")
    return OWN_EVALUATION.read(run, "judges/far"), list(PAIR_READINGS.read(run, "judges/far"))


def recipe_at(url: str, **settings: Any) -> Recipe:
    lines = "".join(f"{key} = {value!r}\n" for key, value in settings.items())
    return recipe_with(f'[evaluate.judges.far]\nurl = "{url}"\nretries = 0\n{lines}')


@pytest.fixture
def home(tmp_path: Path) -> Iterator[RunDirectory]:
    with evaluated_run(tmp_path / "run", recipe_at("http://127.0.0.1:1"), TEXTS) as run:
        yield run


def test_both_orders_are_read_and_the_answers_are_on_record(home: RunDirectory) -> None:
    with talking(by_text) as (url, bodies):
        told, rows = asked(home, recipe_at(url, instructions="Prefer what begins with an a."))
    assert len(bodies) == 10  # five pairs in both orders; nobody is asked about the same text twice
    assert all("Prefer what begins with an a." in last_message(body) for body in bodies)
    assert [reading.first for reading in rows[0].readings] == ["policy", "start"]
    assert all(reading.preferred == "policy" for reading in rows[0].readings)
    assert rows[0].readings[0].replies[0].startswith("Let me see.")
    assert rows[0].readings[0].input_tokens == 1000
    assert rows[2].readings == ()
    assert [reading.preferred for reading in rows[5].readings] == ["tie", "tie"]
    assert told.win_rate is not None
    assert told.win_rate.value == pytest.approx((4 + 0.5 + 0.5) / 6)
    assert told.win_rate.n == 6
    assert told.first_shown is not None
    assert told.first_shown.value == 0.5
    assert told.both_orders is not None
    assert told.both_orders.value == 1
    assert told.pairs is not None
    counts = told.pairs
    assert (counts.pairs, counts.counted, counts.same_text, counts.declined, counts.failed) == (6, 6, 1, 0, 0)
    assert (counts.input_tokens, counts.output_tokens) == (10000, 100)
    assert told.by == f"talker at {url}/v1"
    assert told.evaluator is not None
    assert (told.evaluator["model"], told.evaluator["place"]) == ("talker", f"{url}/v1")
    assert told.trained_on is None


def test_a_judge_that_likes_a_place_says_nothing_of_the_policy(home: RunDirectory) -> None:
    with talking(lambda body: answer(body, "A")) as (url, _):
        told, _ = asked(home, recipe_at(url))
    assert told.win_rate is not None
    assert told.win_rate.value == 0.5
    assert told.first_shown is not None
    assert told.first_shown.value == 1
    assert told.both_orders is not None
    assert told.both_orders.value == 0


def test_the_wrong_order_counts_against_the_policy(home: RunDirectory) -> None:
    def turned(body: dict[str, Any]) -> str:
        worse = [letter for letter, text in shown(body).items() if not text.startswith("a")]
        return answer(body, worse[0])

    with talking(turned) as (url, _):
        told, _ = asked(home, recipe_at(url))
    assert told.win_rate is not None
    assert told.win_rate.value == pytest.approx((0.5 + 0.5) / 6)


def test_what_cannot_be_read_is_counted_and_never_a_tie(home: RunDirectory) -> None:
    """One pair gets rubbish in one order, asked twice; another is declined: neither is in the win rate."""

    def sometimes(body: dict[str, Any]) -> str:
        texts = shown(body)
        if texts.get("A") == "a one":
            return "I like both, \ud800 and neither."
        if "a two" in texts.values():
            return f"DECLINE {answer_key(body)}: I know nothing of this."
        return by_text(body)

    with talking(sometimes) as (url, _):
        told, rows = asked(home, recipe_at(url))
    assert told.pairs is not None
    assert (told.pairs.counted, told.pairs.declined, told.pairs.failed) == (4, 2, 0)
    rubbish, declined = rows[0].readings[0], rows[1].readings[0]
    assert len(rubbish.replies) == 2
    assert "not read" in (rubbish.declined or "")
    assert rows[0].readings[1].preferred == "policy"
    assert "I know nothing of this." in (declined.declined or "")
    assert told.win_rate is not None
    assert told.win_rate.n == 4


def test_a_pair_without_an_answer_is_counted(home: RunDirectory) -> None:
    def fails(body: dict[str, Any]) -> Any:
        return (500, "{}") if "a four" in shown(body).values() else by_text(body)

    with talking(fails) as (url, _):
        told, rows = asked(home, recipe_at(url, parallel=1))
    assert told.pairs is not None
    assert (told.pairs.counted, told.pairs.failed) == (5, 1)
    assert "it answers 500" in (rows[3].failed or "")
    assert [row.failed for row in rows if row is not rows[3]] == [None] * 5


def test_an_endpoint_that_falls_silent_stops_the_stage_and_is_asked_the_rest_later(home: RunDirectory) -> None:
    silent = threading.Event()

    def falls_silent(body: dict[str, Any]) -> Any:
        if silent.is_set():
            return SILENCE
        if "a two" in shown(body).values() and shown(body)["A"].startswith("b"):
            silent.set()
        return by_text(body)

    with talking(falls_silent) as (url, _):
        recipe = recipe_at(url, parallel=1, timeout=1.0)
        with pytest.raises(EndpointError, match=r"no answer about 3 of 6 pairs, 3 of them in a row.*--resume asks"):
            perform(home, recipe, "judges/far")
    assert not OWN_EVALUATION.has(home, "judges/far")
    with talking(by_text) as (url, bodies):
        told, _ = asked(home, recipe_at(url, parallel=1, timeout=1.0))
    assert len(bodies) == 6  # of five pairs three are left: what was answered is not paid for twice
    assert told.pairs is not None
    assert told.pairs.counted == 6


def test_other_questions_are_asked_anew(home: RunDirectory) -> None:
    with talking(by_text) as (url, bodies):
        asked(home, recipe_at(url))
        asked(home, recipe_at(url, question="Which is shorter?"))
    assert len(bodies) == 20


def test_nobody_there_is_an_error_that_says_where(home: RunDirectory) -> None:
    with pytest.raises(EndpointError, match=r"http://127\.0\.0\.1:1/v1/models: no answer"):
        perform(home, recipe_at("http://127.0.0.1:1"), "judges/far")


def test_several_pairs_a_prompt(tmp_path: Path) -> None:
    texts = {"start": [["b", "b b", "b b b"]] * 4, "policy": [["a", "a a", "a a a"]] * 4}
    with talking(by_text) as (url, bodies):
        recipe = recipe_at(url, pairs_per_prompt=2)
        with evaluated_run(tmp_path / "several", recipe, texts) as run:
            told, rows = asked(run, recipe)
    assert told.win_rate is not None
    assert (told.win_rate.n, told.win_rate.clusters) == (8, 4)
    assert len(bodies) == 16
    assert [(row.policy, row.start) for row in rows[:2]] == [(12, 0), (13, 1)]


def test_a_model_that_gave_answers_to_learn_from_is_not_independent(tmp_path: Path) -> None:
    data = letters_dataset(prompts=6)
    judge = Evaluator(kind="model", pseudonym="talker")
    pair = data.pairs["train"][0]
    said = Feedback(
        evaluator=judge.id,
        prompt=pair.prompt,
        completions=(pair.chosen, pair.rejected),
        judgement=Comparison(preferred="left"),
    )
    changed = data.__class__(
        **{**vars(data), "evaluators": {**data.evaluators, judge.id: judge}, "feedback": {"train": (said,)}}
    )
    recipe = recipe_with("", START)
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, changed)
        why = model_taught("talker", recipe, RunReader.of(run))
        assert why == "1 of the answers that the run learnt from are by talker"
        assert model_taught("another", recipe, RunReader.of(run)) is None
