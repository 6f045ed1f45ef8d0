"""Splits by whole units, and the data files of a run."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from said import comparison, completion, person, prompt, sheet

from accord.errors import ArtefactError, RecipeError
from accord.feedback import (
    SPLITS,
    Dataset,
    Ledger,
    draw_dataset,
    overlaps,
    read_data,
    review_prompts,
    split,
    unknown_evaluator,
    write_data,
)
from accord.records import Completion, Pair, Prompt
from accord.run import RunDirectory

ASKED = [prompt(f"question {i}") for i in range(9)]
names = st.integers(0, 8)


@st.composite
def some_pairs(draw: st.DrawFn) -> list[Pair]:
    made = []
    for _ in range(draw(st.integers(12, 60))):
        asked, number = draw(names), draw(st.integers(0, 3))
        made.append(
            Pair(
                prompt=ASKED[asked].id,
                chosen=f"c-{asked}-{number}",
                rejected=f"c-{asked}-{number + 1}",
                session=f"s-{asked}-{number}",
                evaluator=f"e-{asked}-{number}",
            )
        )
    return made


@given(some_pairs(), st.sampled_from(["prompt", "session", "evaluator"]), st.integers(0, 3))
def test_no_unit_and_no_completion_stands_on_two_sides(pairs: list[Pair], unit: str, seed: int) -> None:
    try:
        made = split(pairs, unit=unit, seed=seed)
    except RecipeError:
        assert len({pair.prompt for pair in pairs}) < 3
        return
    assert Counter(pair for some in made.values() for pair in some) == Counter(pairs)
    for key in ("prompt", "session", "evaluator", "chosen", "rejected"):
        if key in (unit, "chosen", "rejected"):
            sides = [{getattr(pair, key) for pair in some} for some in made.values()]
            assert sum(map(len, sides)) == len(set().union(*sides))
    assert all(made.values())


def test_fractions_are_met_by_number_of_pairs() -> None:
    sizes = [1 + (7 * i) % 40 for i in range(64)]
    pairs = [
        Pair(prompt=f"p-{i}", chosen=f"c-{i}-{j}", rejected=f"d-{i}-{j}") for i, n in enumerate(sizes) for j in range(n)
    ]
    for seed in range(5):
        made = split(pairs, seed=seed)
        shares = [len(made[name]) / len(pairs) for name in SPLITS]
        assert shares == pytest.approx([0.44, 0.44, 0.12], abs=0.01)
    assert split(pairs, seed=1) == split(pairs, seed=1) != split(pairs, seed=2)


def test_units_that_share_a_completion_stay_together() -> None:
    pairs = [Pair(prompt="p", chosen=f"c-{i}", rejected=f"c-{i + 1}", session=f"b-{i}") for i in range(3)]
    pairs += [Pair(prompt="p", chosen=f"d-{i}", rejected=f"e-{i}", session=f"x-{i}") for i in range(6)]
    made = split(pairs, unit="session")
    assert sum(any(pair.session == "b-0" for pair in some) for some in made.values()) == 1
    together = next(some for some in made.values() if any(pair.session == "b-0" for pair in some))
    assert {"b-0", "b-1", "b-2"} <= {pair.session for pair in together}


def test_a_pair_without_a_batch_goes_by_its_prompt() -> None:
    pairs = [Pair(prompt=f"p-{i}", chosen=f"c-{i}-{j}", rejected=f"d-{i}-{j}") for i in range(6) for j in range(4)]
    made = split(pairs, unit="session")
    assert sum(len({pair.prompt for pair in some}) for some in made.values()) == 6


@pytest.mark.parametrize(
    ("fractions", "said"),
    [
        (
            {"train": 0.5, "eval_reward": 0.4, "heldout": 0.1},
            "fractions.heldout: no such split; did you mean 'held_out'",
        ),
        ({"train": 0.5, "eval_reward": 0.4}, "they sum to 0.9, not to 1"),
        ({"train": 1.5, "eval_reward": -0.5}, "fractions.train: 1.5 is not between 0 and 1"),
    ],
)
def test_fractions_that_are_none(fractions: dict[str, float], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        split([], fractions=fractions)


def test_too_few_units() -> None:
    pairs = [Pair(prompt="p", chosen="a", rejected="b"), Pair(prompt="q", chosen="c", rejected="d")]
    with pytest.raises(RecipeError, match=r"3 splits need at least 3 units \(prompt\) with pairs, and there are 2"):
        split(pairs)
    assert split(pairs, fractions={"train": 0.5, "held_out": 0.5}).keys() == {"train", "held_out"}


# -- from a ledger ----------------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "data" / "ledger.db")
    for number in range(18):
        made.extend(sheet(number, asked=review_prompts()[number % 6]))
    made.extend(review_prompts())
    return made


def test_a_dataset_holds_what_its_pairs_name(ledger: Ledger) -> None:
    data = draw_dataset(ledger, seed=3)
    assert sum(map(len, data.pairs.values())) == 18 * 3 * 6 == data.summary.possible_pairs
    assert not overlaps(data)
    assert overlaps(data).unassessable == ()
    assert set(data.prompts) == set(data.split_of) == {each.id for each in review_prompts()}
    for name, pairs in data.pairs.items():
        assert {data.split_of[pair.prompt] for pair in pairs} == {name}
        assert {each.id for each in data.prompts_of(name)} >= {pair.prompt for pair in pairs}
    assert Counter(data.split_of.values())["held_out"] in range(6, 11)
    assert {data.split_of[each.prompt] for each in data.examples} == {"train"}
    assert len(data.examples) == len({each for pair in data.pairs["train"] for each in (pair.chosen, pair.rejected)})


def test_the_limit_and_upto_of_a_dataset(ledger: Ledger) -> None:
    data = draw_dataset(ledger, limit=50, seed=1)
    assert sum(map(len, data.pairs.values())) == 50
    assert draw_dataset(ledger, limit=50, seed=1) == data != draw_dataset(ledger, limit=50, seed=2)
    assert draw_dataset(ledger, upto=100).summary.feedback == {"rating": 100}


def test_a_ledger_without_feedback_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger, pytest.raises(RecipeError, match="there is no feedback in it"):
        draw_dataset(ledger)


def test_splitting_by_batch_may_share_prompts_and_that_is_found(ledger: Ledger) -> None:
    data = draw_dataset(ledger, unit="session")
    found = overlaps(data)
    assert found
    assert found.by_kind["prompt"]
    assert found.by_kind["session"] == found.by_kind["evaluator"] == found.by_kind["completion"] == ()


def planted(kind: str) -> Dataset:
    """Two splits that share one thing."""
    one, other = prompt("one"), prompt("one" if kind == "prompt" else "other")
    text = "same" if kind == "text" else "b"
    texts: list[Completion] = [completion(one, each) for each in ("same", "a")]
    texts += [completion(other, each) for each in (text, "c")]
    people = [person("x"), person("x" if kind == "evaluator" else "y")]
    pairs = [
        Pair(prompt=one.id, chosen=texts[0].id, rejected=texts[1].id, session="s-1", evaluator=people[0].id),
        Pair(
            prompt=other.id,
            chosen=texts[0 if kind == "completion" else 2].id,
            rejected=texts[3].id,
            session="s-1" if kind == "session" else "s-2",
            evaluator=people[1].id,
        ),
    ]
    asked: dict[str, Prompt] = {each.id: each for each in (one, other)}
    return Dataset(
        prompts=asked,
        completions={each.id: each for each in texts},
        evaluators={each.id: each for each in people},
        split_of=dict.fromkeys(asked, "train"),
        pairs={"train": (pairs[0],), "held_out": (pairs[1],)},
    )


@pytest.mark.parametrize("kind", ["prompt", "session", "evaluator", "completion", "text", "nothing"])
def test_overlaps_finds_what_was_planted(kind: str) -> None:
    found = overlaps(planted(kind))
    shared = {name for name, ids in found.by_kind.items() if ids}
    assert shared == {"nothing": set(), "completion": {"completion", "text"}}.get(kind, {kind})
    assert bool(found) == (kind not in {"nothing", "text"})


def test_overlaps_says_what_cannot_be_known() -> None:
    data = planted("nothing")
    nobody = unknown_evaluator("somewhere")
    (pair,) = data.pairs["train"]
    changed = pair.model_copy(update={"evaluator": nobody.id, "session": None})
    data = replace(data, pairs={**data.pairs, "train": (changed,)}, evaluators={**data.evaluators, nobody.id: nobody})
    assert overlaps(data).unassessable == ("evaluator", "session")


def test_data_without_raters_or_batches_works(tmp_path: Path) -> None:
    nobody = unknown_evaluator("somewhere")
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.add(nobody)
        for asked in ASKED:
            left, right = completion(asked, "a"), completion(asked, "b")
            ledger.add(asked, left, right, comparison(nobody, left, right, "left"))
        data = draw_dataset(ledger)
    assert sorted(map(len, data.pairs.values())) == [1, 4, 4]
    assert not overlaps(data)


# -- in a run ---------------------------------------------------------------------------------------------


def test_the_files_of_a_run_are_the_dataset(tmp_path: Path, ledger: Ledger) -> None:
    data = draw_dataset(ledger, limit=100)
    with RunDirectory.create(tmp_path / "runs" / "one") as run:
        write_data(run, data, ledger=ledger, about="People were asked how positive a sentence is.")
        again = read_data(run)
        summary = run.read_json("data/summary.json")
        assert {name: tuple(said) for name, said in again.feedback.items()} == data.feedback
        assert replace(again, summary=None, feedback={}) == replace(data, summary=None, feedback={})
        assert again.summary == data.summary.model_copy(update={"about": summary["about"]})
        assert summary["about"] == "People were asked how positive a sentence is."
        assert summary["pairs"] == {name: len(pairs) for name, pairs in data.pairs.items()}
        assert summary["ties"] == {name: sum(pair.tie for pair in pairs) for name, pairs in data.pairs.items()}
        assert summary["feedback"] == {"rating": 216}
        assert set(run.manifest.files) == {
            "data/prompts.jsonl",
            "data/completions.jsonl",
            "data/evaluators.jsonl",
            "data/pairs-train.jsonl",
            "data/pairs-eval_reward.jsonl",
            "data/pairs-held_out.jsonl",
            "data/feedback-train.jsonl",
            "data/feedback-eval_reward.jsonl",
            "data/feedback-held_out.jsonl",
            "data/examples.jsonl",
            "data/summary.json",
        }
        assert run.read_jsonl("data/examples.jsonl")[0].keys() == {
            "prompt",
            "completion",
            "source",
            "evaluators",
            "feedback_ids",
            "weight",
        }
        assert all({"id", "messages", "split"} <= row.keys() for row in run.read_jsonl("data/prompts.jsonl"))


def test_the_manifest_names_the_rows_that_were_read(tmp_path: Path, ledger: Ledger) -> None:
    upto = ledger.last_row
    ids = [each.id for each in ledger.feedback()]
    data = draw_dataset(ledger, upto=upto)
    ledger.extend(sheet(99))
    with RunDirectory.create(tmp_path / "runs" / "one") as run:
        write_data(run, data, ledger=ledger, upto=upto)
        recorded = run.manifest.inputs["ledger"]
        assert recorded.to_json() == {
            "path": "../../data/ledger.db",
            "rows": upto,
            "last_row": upto,
            "digest": hashlib.sha256("".join(f"{each}\n" for each in ids).encode()).hexdigest(),
        }
        with Ledger(run.path / recorded.path, write=False) as again:
            assert [each.id for each in again.feedback(upto=recorded.last_row)] == ids


def test_an_altered_file_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, draw_dataset(ledger))
        file = run.path / "data" / "pairs-train.jsonl"
        file.write_text(file.read_text().replace('"tie":false', '"tie":true', 1))
        with pytest.raises(ArtefactError, match="differs from its digest"):
            read_data(run)


# -- the packaged prompts ---------------------------------------------------------------------------------


def test_the_packaged_prompts_are_64_different_ones() -> None:
    prompts = review_prompts()
    assert len({each.id for each in prompts}) == len({each.text.lower() for each in prompts}) == 64
    assert {each.messages[0].content for each in prompts} == {"You write one-sentence movie reviews."}
    for word in ("positive", "negative", "good", "bad", "praise", "great"):
        assert not any(word in each.text.lower() for each in prompts)
