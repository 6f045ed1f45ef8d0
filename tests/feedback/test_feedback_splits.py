"""Every kind of judgement reaches a split, and nothing stands on two sides because of what gives no pairs."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from said import comparison, completion, person, prompt, rating, sheet

from accord.errors import RecipeError
from accord.feedback import Dataset, Ledger, Selection, draw_dataset, overlaps, split, supervised_examples
from accord.feedback.dataset.feedback_splits import split_feedback
from accord.feedback.dataset.splits import FRACTIONS, split_of_prompts
from accord.records import (
    Completion,
    Correction,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Pair,
    Prompt,
    Record,
    Spans,
    Steps,
)

ANNA = person("anna")


def say(judgement: Judgement, about: Completion | Prompt, by: Evaluator = ANNA, **more: object) -> Feedback:
    """An act of judgement about a completion, or about a prompt alone."""
    asked, completions = (about.id, ()) if isinstance(about, Prompt) else (about.prompt, (about.id,))
    return Feedback(evaluator=by.id, prompt=asked, completions=completions, judgement=judgement, **more)


def every_kind(number: int) -> list[Record]:
    """A prompt with two completions, and what was said of them in eight ways."""
    asked = prompt(f"Question {number}")
    one, other = completion(asked, f"one {number}"), completion(asked, f"other {number}")
    said = [
        comparison(ANNA, one, other, "left"),
        rating(ANNA, one, 2.0),
        say(Label(selected=(), options=("rude",)), one),
        say(Spans(spans=()), one),
        say(Steps(verdicts=("right",)), one),
        say(Correction(text=f"better {number}"), one),
        say(Demonstration(text=f"best {number}"), asked),
        say(Label(selected=("rude",), options=("rude",)), other, gold=Label(selected=(), options=("rude",))),
    ]
    return [asked, ANNA, one, other, *said]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger.db")
    for number in range(9):
        made.extend(every_kind(number))
    return made


def test_every_kind_is_a_view_of_a_split(ledger: Ledger) -> None:
    data = draw_dataset(ledger)
    assert Counter(each.judgement.kind for side in data.feedback.values() for each in side) == {
        "label": 18,
        **dict.fromkeys(["comparison", "rating", "spans", "steps", "correction", "demonstration"], 9),
    }
    for name, side in data.feedback.items():
        views = [data.ratings(name), data.labels(name), data.spans(name), data.steps(name)]
        views += [data.corrections(name), data.demonstrations(name)]
        prompts = {prompt.id for prompt in data.prompts_of(name)}
        assert [len(view) for view in views] == [len(prompts)] * 6  # the control question is in none
        assert {each.prompt for each in side} == prompts
    assert not overlaps(data).by_kind["prompt"]
    assert not overlaps(data).by_kind["text"]


def test_all_names_pairs_then_corrections_then_demonstrations(ledger: Ledger) -> None:
    data = draw_dataset(ledger)
    train = len(data.prompts_of("train"))
    assert [each.source for each in data.examples] == (
        ["compared"] * 2 * train + ["correction"] * train + ["demonstration"] * train
    )
    said = {each.id: each for each in ledger.feedback()}
    for example in data.examples:
        assert data.completions[example.completion].prompt == example.prompt
        assert [said[name].evaluator for name in example.feedback_ids] == list(example.evaluators) == [ANNA.id]
        assert example.weight == 1.0
    texts = {data.completions[each.completion].text for each in data.examples if each.source == "demonstration"}
    assert texts == {each.judgement.text for each in data.demonstrations("train")}


@pytest.mark.parametrize(
    ("supervised", "source"),
    [("chosen", "chosen"), ("demonstrations", "demonstration"), ("corrections", "correction")],
)
def test_one_source_of_examples(ledger: Ledger, supervised: str, source: str) -> None:
    data = draw_dataset(ledger, supervised=supervised)
    assert {each.source for each in data.examples} == {source}
    assert len(data.examples) == len(data.prompts_of("train"))
    assert data.summary is not None
    assert data.summary.examples == {source: len(data.examples)}


def test_one_text_by_two_people_is_one_example(ledger: Ledger) -> None:
    asked = prompt("Question 0")
    ledger.add(person("ben"), say(Demonstration(text="best 0"), asked, person("ben")))
    data = draw_dataset(ledger, supervised="demonstrations", fractions={"train": 1.0})
    (example,) = [each for each in data.examples if each.prompt == asked.id]
    assert example.evaluators == (ANNA.id, person("ben").id)


def test_demonstrations_alone_are_a_data_set(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as made:
        for number in range(40):
            asked = prompt(f"Question {number}")
            made.add(asked, ANNA, say(Demonstration(text=f"answer {number}"), asked))
        data = draw_dataset(made, supervised="demonstrations")
        whole = draw_dataset(made, supervised="demonstrations", fractions={"train": 1.0})
    assert data.pairs == {"train": (), "eval_reward": (), "held_out": ()}
    assert len(data.examples) == len(data.prompts_of("train")) == 18
    assert len(whole.examples) == 40


def test_pairs_are_split_as_without_other_kinds(tmp_path: Path) -> None:
    with Ledger(tmp_path / "one.db") as one, Ledger(tmp_path / "two.db") as two:
        for number in range(9):
            records = [*every_kind(number), *sheet(number)]
            one.extend(records)
            two.extend(each for each in records if not isinstance(each, Feedback))
            two.extend(
                each
                for each in records
                if isinstance(each, Feedback) and each.judgement.kind in ("comparison", "rating") and each.gold is None
            )
        for unit in ("prompt", "session", "evaluator"):
            if unit != "evaluator":
                assert draw_dataset(one, unit=unit).pairs == draw_dataset(two, unit=unit).pairs
                assert draw_dataset(one, unit=unit).split_of == draw_dataset(two, unit=unit).split_of


# -- units other than the prompt ---------------------------------------------------------------------------

small = st.integers(0, 3)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Pair], list[Feedback], dict[str, Completion], list[str]]:
    """Pairs and other feedback that share sessions, prompts, completions and texts at random."""
    prompts = [prompt(f"Question {number}") for number in range(4)]
    texts = [Completion(prompt=asked.id, text=f"t{k}", writer=who) for asked in prompts for k in "ab" for who in "xy"]
    pairs = []
    for number in range(draw(st.integers(8, 20))):
        one, other = draw(st.permutations([each for each in texts if each.prompt == prompts[number % 4].id]))[:2]
        session = f"s-{draw(st.integers(0, 9))}"
        pairs.append(Pair(prompt=one.prompt, chosen=one.id, rejected=other.id, session=session, evaluator=session))
    said = []
    for number in range(draw(st.integers(1, 20))):
        by = person(f"p-{draw(small)}")
        session = draw(st.none() | st.sampled_from([f"s-{i}" for i in range(14)]))
        judgement = draw(st.sampled_from([Spans(spans=()), Demonstration(text="ta"), Demonstration(text="new")]))
        about = prompts[draw(small)] if isinstance(judgement, Demonstration) else draw(st.sampled_from(texts))
        said.append(say(judgement, about, by, session=session, seconds=float(number)))
    return pairs, said, {each.id: each for each in texts}, [asked.id for asked in prompts]


@given(worlds(), st.sampled_from(["session", "evaluator"]), st.integers(0, 2))
def test_nothing_stands_on_two_sides(
    world: tuple[list[Pair], list[Feedback], dict[str, Completion], list[str]], unit: str, seed: int
) -> None:
    pairs, said, completions, prompts = world
    try:
        sides = split(pairs, unit=unit, seed=seed)
    except RecipeError:
        return
    split_of = split_of_prompts(prompts, sides, FRACTIONS, seed)
    by_split, left_out = split_feedback(said, sides, split_of, completions, unit=unit, fractions=FRACTIONS, seed=seed)
    assert sum(map(len, by_split.values())) + left_out == len(said)
    nothing = dict.fromkeys(by_split, ())
    evaluators = {each.evaluator: person("x") for each in [*said, *pairs]}
    before, after = (
        overlaps(Dataset({}, completions, evaluators, split_of, sides, feedback)) for feedback in (nothing, by_split)
    )
    for kind in (unit, "prompt", "completion"):
        assert set(after.by_kind[kind]) == set(before.by_kind[kind])


# -- what is read -----------------------------------------------------------------------------------------


def test_a_selection_by_kind_study_round_and_evaluator() -> None:
    asked, ben = prompt(), Evaluator(kind="model", pseudonym="ben")
    evaluators = {each.id: each for each in (ANNA, ben)}
    one = say(Demonstration(text="1"), asked, study="first", round=1)
    two = say(Demonstration(text="2"), asked, ben, study="second", round=2)
    three = say(Label(selected=(), options=("x",)), completion(asked, "t"))
    said = [one, two, three]
    assert Selection().of(said, evaluators) == said
    assert Selection(studies=("first",)).of(said, evaluators) == [one]
    assert Selection(kinds=("demonstration",)).of(said, evaluators) == [one, two]
    assert Selection(evaluator_kinds=("model",)).of(said, evaluators) == [two]
    assert Selection(rounds=(2, 3)).of(said, evaluators) == [two]
    for name in (ben.id, two.id, "second"):
        assert Selection(exclude=(name,)).of(said, evaluators) == [one, three]


def test_what_was_taken_back_stays_so_where_its_successor_is_left_out() -> None:
    asked = prompt()
    first = say(Demonstration(text="1"), asked, study="s")
    later = say(Demonstration(text="2"), asked, study="s", replaces=first.id)
    other = say(Demonstration(text="3"), asked, study="s")
    assert Selection(exclude=(later.id,)).of([first, later, other], {ANNA.id: ANNA}) == [other]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(studies=("frist",)), r"recipe\.data\.studies: .*'frist'; did you mean 'first'"),
        (Selection(exclude=("e-nobody",)), r"recipe\.data\.exclude: 'e-nobody' is no id of an evaluator"),
        (Selection(kinds=("rating",)), r"recipe\.data: kinds leave nothing of 1 records"),
        (Selection(studies=("first",), rounds=(7,)), r"recipe\.data: studies, rounds leave nothing"),
    ],
)
def test_a_selection_that_leaves_nothing_is_refused(selection: Selection, message: str) -> None:
    said = [say(Demonstration(text="1"), prompt(), study="first")]
    with pytest.raises(RecipeError, match=message):
        selection.of(said, {ANNA.id: ANNA})


def test_examples_of_another_split(ledger: Ledger) -> None:
    data = draw_dataset(ledger)
    held_out = supervised_examples(data, "demonstrations", split="held_out")
    assert {each.prompt for each in held_out} == {asked.id for asked in data.prompts_of("held_out")}
