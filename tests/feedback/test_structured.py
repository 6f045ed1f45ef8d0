"""What is more than text is not learnt from as if it were: it is refused, or left out and counted."""

from pathlib import Path

import pytest
from said import comparison, completion, person, prompt

from accord.errors import RecipeError
from accord.feedback import Ledger, draw_dataset, same_texts
from accord.feedback.dataset.structured import plain_texts
from accord.records import Attachment, Completion, Message, Prompt, ToolCall

CALL = Message(role="assistant", content="", tool_calls=(ToolCall(name="look", arguments="{}"),))
PICTURE = Message(role="user", content="What is it?", attachments=(Attachment(kind="image", uri="a.png"),))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Twenty plain comparisons, one with an answer of several turns, and one about a picture."""
    by = person("anna")
    ledger = Ledger(tmp_path / "ledger.db")
    for number in range(20):
        asked = prompt(f"Question {number}?")
        left, right = completion(asked, "A"), completion(asked, "B")
        ledger.add(asked, by, left, right, comparison(by, left, right, "left"))
    asked, pictured = prompt("Weather?"), Prompt(messages=(PICTURE,))
    several = Completion(prompt=asked.id, text="Sunny.", turns=(CALL, Message(role="assistant", content="Sunny.")))
    for about, left in ((asked, several), (pictured, completion(pictured, "A cat."))):
        right = completion(about, "No idea.")
        ledger.add(about, by, left, right, comparison(by, left, right, "left"))
    return ledger


def test_it_is_refused_with_counts(ledger: Ledger) -> None:
    counts = "1 prompts with more than text beside them, 1 answers of several turns, and 2 acts of feedback"
    with pytest.raises(RecipeError, match=rf"recipe.data.structured: {counts}.*set it to \"drop\""):
        draw_dataset(ledger)


def test_it_is_left_out(ledger: Ledger) -> None:
    data = draw_dataset(ledger, structured="drop")
    assert sum(map(len, data.pairs.values())) == 20
    assert all(each.turns is None for each in data.completions.values())
    assert not any(message.attachments for each in data.prompts.values() for message in each.messages)
    plain = plain_texts(list(ledger.feedback()), ledger.prompts(), ledger.completions(), "drop")
    assert plain.note == (
        "left out: 2 acts of feedback about 1 prompts with more than text beside them, 1 answers of several turns"
    )


def test_what_a_later_answer_took_back_does_not_come_again(ledger: Ledger) -> None:
    *_, first, about_turns, _ = ledger.feedback()
    later = about_turns.model_copy(update={"replaces": first.id})
    with pytest.raises(RecipeError, match="nothing is left"):
        plain_texts([first, later], ledger.prompts(), ledger.completions(), "drop")


def test_nothing_is_left(tmp_path: Path) -> None:
    by, asked = person("anna"), Prompt(messages=(PICTURE,))
    left, right = completion(asked, "A"), completion(asked, "B")
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.add(asked, by, left, right, comparison(by, left, right, "left"))
        with pytest.raises(RecipeError, match="nothing is left without 1 prompts"):
            draw_dataset(ledger, structured="drop")


def test_tools_that_were_called_and_what_is_attached_make_another_prompt() -> None:
    plain = Message(role="assistant", content="")
    user, end = Message(role="user", content="Weather?"), Message(role="user", content="And?")
    prompts = [
        Prompt(messages=(user, plain, end)),
        Prompt(messages=(user, CALL, end)),
        Prompt(messages=(user, plain, end.model_copy(update={"attachments": PICTURE.attachments}))),
        Prompt(messages=(user, plain, end), source="elsewhere"),
    ]
    answers = [
        Completion(prompt=prompts[0].id, text="Sunny."),
        Completion(prompt=prompts[0].id, text="Sunny.", turns=(CALL, Message(role="assistant", content="Sunny."))),
        Completion(prompt=prompts[3].id, text=" Sunny."),
    ]
    same = same_texts({each.id: each for each in prompts}, {each.id: each for each in answers})
    assert same == {prompts[3].id: prompts[0].id, answers[2].id: answers[0].id}
