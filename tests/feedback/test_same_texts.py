"""The same text under another id stands on one side of every split, and is found where it does not."""

from pathlib import Path

import pytest
from said import comparison, completion, person, prompt

from accord.feedback import Ledger, draw_dataset, overlaps, same_texts
from accord.feedback.dataset.same_texts import normalised
from accord.records import Prompt, Record


def asked_in(source: str, question: int) -> Prompt:
    """A question as a file of this name has it: another source, so another id."""
    return Prompt.ask(f"Question {question}: who wrote  the caf\u00e9 piece?", source=source)


def a_file(source: str, questions: int = 40) -> list[Record]:
    """Comparisons by four people; the second file writes its spaces and accents otherwise."""
    records: list[Record] = []
    for question in range(questions):
        asked = asked_in(source, question)
        if source != "one.jsonl":
            asked = Prompt.ask(asked.text.replace("  ", "\n").replace("\u00e9", "e\u0301"), source=source)
        texts = completion(asked, f"Answer {question}a"), completion(asked, f"Answer {question}b")
        who = person(f"{source}/{question % 4}")
        records += [asked, *texts, who, comparison(who, *texts, "left")]
    return records


def test_white_space_and_the_form_of_characters_are_no_difference() -> None:
    assert normalised(" caf\u00e9\u00a0 \n noir ") == normalised("cafe\u0301 noir")
    assert normalised("Caf\u00e9") != normalised("caf\u00e9")
    assert normalised("x**2") != normalised("x2")
    first, second = asked_in("one.jsonl", 1), asked_in("other.jsonl", 1)
    answers = [completion(asked, "Ann.") for asked in (first, second)]
    other = completion(second, "Ben.")
    same = same_texts(
        {each.id: each for each in (first, second, prompt("Else?"))},
        {each.id: each for each in (*answers, other)},
    )
    assert same == {second.id: first.id, answers[1].id: answers[0].id}


@pytest.mark.parametrize("unit", ["prompt", "session", "evaluator"])
def test_two_copies_of_a_file_share_their_sides(unit: str, tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(*a_file("one.jsonl"), *a_file("other.jsonl"))
        data = draw_dataset(ledger, unit=unit, seed=3)  # type: ignore[arg-type]
    same = same_texts(data.prompts, data.completions)
    assert len(same) == 40 * 3
    assert all(data.split_of[name] == data.split_of[first] for name, first in same.items() if name in data.split_of)
    assert overlaps(data).by_kind["completion"] == ()
    if unit == "prompt":
        assert overlaps(data).by_kind["prompt"] == ()
        assert sum(map(len, data.pairs.values())) == 80


def test_a_copy_on_the_other_side_is_found() -> None:
    from dataclasses import replace

    from accord.feedback import Dataset, pairs_from_comparison

    one, other = (a_file(source, 1) for source in ("one.jsonl", "other.jsonl"))
    records = [*one, *other]
    of_kind = {kind: [each for each in records if type(each).__name__ == kind] for kind in ("Prompt", "Completion")}
    data = Dataset(
        prompts={each.id: each for each in of_kind["Prompt"]},  # type: ignore[misc]
        completions={each.id: each for each in of_kind["Completion"]},  # type: ignore[misc]
        evaluators={each.id: each for each in (one[3], other[3])},  # type: ignore[misc]
        split_of={of_kind["Prompt"][0].id: "train", of_kind["Prompt"][1].id: "held_out"},
        pairs={
            "train": tuple(pairs_from_comparison(one[4])),  # type: ignore[arg-type]
            "held_out": tuple(pairs_from_comparison(other[4])),  # type: ignore[arg-type]
        },
    )
    found = overlaps(data)
    assert found
    assert set(found.by_kind["prompt"]) == {each.id for each in of_kind["Prompt"]}
    assert len(found.by_kind["completion"]) == 4
    assert not overlaps(replace(data, pairs={"train": data.pairs["train"]}))
