"""Dialogues: turns with a live writer, judged one by one, also where they are sent twice, late or after a kill."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from small_desks import Clock, join, lay, opened
from sqlalchemy import select

from accord.collect import Break, Desk, Done, Paused, Person, Speaking, Task
from accord.collect.desk.dialogues import UnansweredTurn, answer_turn, step_of
from accord.collect.desk.tables import reservations
from accord.errors import Conflict, FormError, ModelError, StudyError
from accord.feedback import Ledger, draw_pairs
from accord.records import Comparison, Completion, Correction, Declined, Label, Message, Prompt, Sampling

TOPICS = [
    {"prompt": "Plan a weekend."},
    {
        "prompt": {
            "messages": [
                {"role": "system", "content": "You are terse."},
                {"role": "user", "content": "Ask for a recipe."},
            ]
        }
    },
]
THUMBS = {"kind": "label", "text": "Good?", "labels": ["up", "down"], "single": True}


class Echo:
    """Answers each prompt with its last message and numbers; `faults` are raised first. `context` is in messages."""

    name = "echo"

    def __init__(self, *faults: Exception, same: bool = False) -> None:
        self.faults, self.same = list(faults), same
        self.prompts: list[Prompt] = []

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        if self.faults:
            raise self.faults.pop(0)
        self.prompts += prompts
        texts = ["same" if self.same else f"{len(self.prompts)}{letter}" for letter in "ab"[:n]]
        return [[Completion(prompt=prompt.id, text=text, token_ids=(1, 2)) for text in texts] for prompt in prompts]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "l.db") as opened_ledger:
        yield opened_ledger


def begun(
    folder: Path, ledger: Ledger, writer: object | None = None, clock: Clock | None = None, **keys: Any
) -> tuple[Desk, Person]:
    """A desk of a study with a dialogue, and somebody there."""
    keys.setdefault("dialogue", {"least": 2, "most": 3})
    desk = opened(lay(folder, keys.pop("items", TOPICS[:1]), **keys), ledger, clock, writer=writer or Echo())
    return desk, join(desk)


def speaking(desk: Desk, person: Person) -> Speaking:
    step = desk.next(person)
    assert isinstance(step, Speaking), step
    return step


def judging(desk: Desk, person: Person, text: str = "Hello") -> Task:
    """Say something, and see the answers."""
    desk.say(person, speaking(desk, person).reservation, text)
    step = desk.next(person)
    assert isinstance(step, Task), step
    return step


def spoken(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def test_a_conversation_goes_on_with_the_better_answer(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        talk(tmp_path, ledger)


def talk(tmp_path: Path, ledger: Ledger) -> None:
    writer = Echo()
    desk, anna = begun(tmp_path, ledger, writer, items=TOPICS[1:])
    first = speaking(desk, anna)
    assert (first.place.topic, first.place.number, first.place.may_end) == ("Ask for a recipe.", 1, False)
    assert spoken(first.messages) == [("system", "You are terse.")]
    task = judging(desk, anna, "Soup?")
    assert spoken(task.prompt.messages) == [("system", "You are terse."), ("user", "Soup?")]
    desk.submit(anna, task.reservation, {"preferred": "right"})
    better = task.completions[1].text
    second = speaking(desk, anna)
    assert spoken(second.messages)[1:] == [("user", "Soup?"), ("assistant", better)]
    with pytest.raises(FormError, match="2 turns at least"):
        desk.end(anna, second.reservation)
    task = judging(desk, anna, "Without salt?")
    desk.submit(anna, task.reservation, {"preferred": "tie"})
    third = speaking(desk, anna)
    assert spoken(third.messages)[-1] == ("assistant", task.completions[0].text), "of a tie, what stands first by lot"
    desk.end(anna, third.reservation)
    desk.end(anna, third.reservation)
    assert isinstance(desk.next(anna), Done)
    one, other = ledger.feedback()
    assert isinstance(one.judgement, Comparison)
    assert one.conversation == other.conversation is not None
    assert one.prompt == writer.prompts[0].id
    assert (one.position_in_session, other.position_in_session) == (0, 1)
    [pair] = [pair for pair in draw_pairs(ledger).pairs if not pair.tie]
    assert ledger.completions()[pair.chosen].text == better
    progress = desk.progress()
    assert (progress.answers, progress.rows, progress.target) == (1, 2, 1)


def test_thumbs_and_edits(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger, question=THUMBS, dialogue={"most": 2, "edits": True}, pay={"per_item": 1.0})
    task = judging(desk, anna)
    desk.submit(anna, task.reservation, {"chosen": "down", "edit": "Better"})
    assert spoken(speaking(desk, anna).messages)[-1] == ("assistant", "Better")
    task = judging(desk, anna)
    desk.submit(anna, task.reservation, {"chosen": "up", "edit": task.completions[0].text})
    label, correction, other = ledger.feedback()
    assert label.judgement == Label(selected=("down",), options=("up", "down"))
    assert correction.judgement == Correction(text="Better")
    assert other.judgement == Label(selected=("up",), options=("up", "down"))
    assert len({record.conversation for record in ledger.feedback()}) == 1
    last = speaking(desk, anna)
    assert last.place.over
    with pytest.raises(FormError, match="is over"):
        desk.say(anna, last.reservation, "More")
    desk.end(anna, last.reservation)
    [person] = desk.progress().people
    assert person.paid == 2.0, "a turn that was judged and put right is one"


def test_an_edit_taken_back_is_replaced_by_the_text_as_it_was(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger, question=THUMBS, dialogue={"edits": True})
    task = judging(desk, anna)
    desk.submit(anna, task.reservation, {"chosen": "up", "edit": "Edited"})
    desk.save_draft(anna, speaking(desk, anna).reservation, {"text": "half a sent"})
    back = desk.undo(anna)
    assert (back.reservation, back.redo, back.draft) == (task.reservation, True, {"chosen": "up", "edit": "Edited"})
    desk.submit(anna, back.reservation, {"chosen": "down"})
    first, edit, again, unedited = ledger.feedback()
    assert (again.replaces, unedited.replaces) == (first.id, edit.id)
    assert unedited.judgement == Correction(text=task.completions[0].text)
    after = speaking(desk, anna)
    assert spoken(after.messages)[-1] == ("assistant", task.completions[0].text)
    assert after.draft == "half a sent"
    desk.say(anna, after.reservation, "on")
    assert not desk.can_undo(anna), "the conversation went on from it"


def test_what_is_sent_twice_is_sent_once_and_something_else_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    writer = Echo()
    desk, anna = begun(tmp_path, ledger, writer)
    turn = speaking(desk, anna).reservation
    desk.say(anna, turn, "Hello")
    desk.say(anna, turn, "Hello")
    with pytest.raises(Conflict, match="has gone on"):
        desk.say(anna, turn, "Something else")
    task = desk.next(anna)
    assert isinstance(task, Task)
    assert desk.next(anna) == task, "a reload shows the same"
    assert len(writer.prompts) == 1
    receipt = desk.submit(anna, turn, {"preferred": "left"})
    assert desk.submit(anna, turn, {"preferred": "left"}) == receipt
    with pytest.raises(Conflict, match="take it back first"):
        desk.submit(anna, turn, {"preferred": "right"})
    desk.say(anna, turn, "Hello")
    assert ledger.rows() == 1
    ben = join(desk)
    for act in (lambda: desk.say(ben, turn, "Hello"), lambda: desk.end(ben, turn), lambda: desk.submit(ben, turn, {})):
        with pytest.raises(FormError, match="not in your hands"):
            act()


def test_a_writer_that_fails_gives_the_turn_back(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger, Echo(ModelError("down"), TimeoutError("slow")))
    for _ in range(2):
        desk.say(anna, speaking(desk, anna).reservation, "Hello")
        again = speaking(desk, anna)
        assert again.draft == "Hello"
        assert "is kept" in again.problem
    assert ledger.counts()["prompts"] == 1, "the topic alone"
    assert {note.message for note in desk.progress().notes} == {
        "echo failed in a dialogue: down",
        "echo failed in a dialogue: slow",
    }
    desk.submit(anna, judging(desk, anna).reservation, {"preferred": "left"})
    assert speaking(desk, anna).problem == ""


def test_after_a_kill_the_answer_is_written_when_the_lease_has_ended(tmp_path: Path, ledger: Ledger) -> None:
    class KilledError(Exception):
        """Nothing that the desk expects: what was under way stays as it is."""

    class KilledOnce(Echo):
        def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
            if not self.prompts:
                self.prompts += prompts
                raise KilledError
            return super().write(prompts, n, sampling)

    clock = Clock()
    desk, anna = begun(tmp_path, ledger, KilledOnce(), clock)
    turn = speaking(desk, anna).reservation
    desk.say(anna, turn, "Hello")
    with pytest.raises(KilledError):
        desk.next(anna)
    step = desk.next(anna)
    assert isinstance(step, Break)
    assert step.reason == "writer"
    clock.move(seconds=121)
    task = desk.next(anna)
    assert isinstance(task, Task)
    assert task.prompt.text == "Hello"


def test_two_tabs_wait_for_one_answer(tmp_path: Path, ledger: Ledger) -> None:
    steps: list[object] = []

    class Slow(Echo):
        def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
            steps.append(desk.next(anna))
            return super().write(prompts, n, sampling)

    desk, anna = begun(tmp_path, ledger, Slow())
    judging(desk, anna)
    [other_tab] = steps
    assert isinstance(other_tab, Break)


def test_an_answer_that_comes_after_another_s_lease_is_dropped(tmp_path: Path, ledger: Ledger) -> None:
    clock = Clock()

    class Late(Echo):
        def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
            self.prompts += prompts
            if len(self.prompts) == 1:
                clock.move(seconds=121)
                desk.next(anna)
                self.prompts.append(prompts[0])
            return [[Completion(prompt=prompt.id, text=f"{len(self.prompts)}{i}") for i in "ab"] for prompt in prompts]

    desk, anna = begun(tmp_path, ledger, Late(), clock)
    task = judging(desk, anna)
    assert {completion.text[0] for completion in task.completions} == {"2"}
    assert len(ledger.completions()) == 2


class Interrupted(Echo):
    """A writer that is asked in vain by `meanwhile` while it writes its first answer."""

    def __init__(self, meanwhile: Callable[[], None], *faults: Exception) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = meanwhile
        self.later = faults

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        if self.meanwhile is not None and not self.faults:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
            self.faults = list(self.later)
        return super().write(prompts, n, sampling)


def test_a_late_answer_to_something_that_was_said_otherwise_since_is_dropped(tmp_path: Path, ledger: Ledger) -> None:
    clock = Clock()

    def meanwhile() -> None:
        clock.move(seconds=121)
        writer.faults.append(ModelError("down"))
        again = speaking(desk, anna)
        assert again.draft == "Old"
        desk.say(anna, again.reservation, "New")

    writer = Interrupted(meanwhile)
    desk, anna = begun(tmp_path, ledger, writer, clock)
    task = judging(desk, anna, "Old")
    assert spoken(task.prompt.messages) == [("user", "New")]
    assert {completion.prompt for completion in task.completions} == {task.prompt.id}
    desk.submit(anna, task.reservation, {"preferred": "left"})
    assert spoken(speaking(desk, anna).messages)[0] == ("user", "New")


def test_who_fails_late_does_not_give_back_what_somebody_else_writes(tmp_path: Path, ledger: Ledger) -> None:
    clock, claims = Clock(), []

    def meanwhile() -> None:
        clock.move(seconds=121)
        with desk.context.writing() as tx:
            claims.append(step_of(tx, tx.execute(select(reservations)).one()))

    desk, anna = begun(tmp_path, ledger, Interrupted(meanwhile, ModelError("down")), clock)
    desk.say(anna, speaking(desk, anna).reservation, "Hello")
    assert isinstance(desk.next(anna), Break), "the other one still writes"
    [claim] = claims
    assert isinstance(claim, UnansweredTurn)
    answer_turn(desk.context, claim)
    assert isinstance(desk.next(anna), Task)


def test_equal_answers_are_not_judged(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger, Echo(same=True))
    desk.say(anna, speaking(desk, anna).reservation, "Hello")
    step = speaking(desk, anna)
    assert "were the same" in step.problem
    assert spoken(step.messages)[-1] == ("assistant", "same")
    assert (ledger.rows(), desk.can_undo(anna)) == (0, False)


def test_declining_an_answer_or_a_topic(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger, items=TOPICS)
    task = judging(desk, anna)
    desk.decline(anna, task.reservation, "rude")
    step = speaking(desk, anna)
    with pytest.raises(FormError, match="Say something first"):
        desk.decline(anna, step.reservation, "tired")
    desk.submit(anna, judging(desk, anna).reservation, {"preferred": "left"})
    desk.end(anna, speaking(desk, anna).reservation)
    desk.decline(anna, speaking(desk, anna).reservation, "not mine")
    first, _, last = ledger.feedback()
    assert (first.judgement, len(first.completions)) == (Declined(reason="rude"), 2)
    assert (last.judgement, last.completions) == (Declined(reason="not mine"), ())
    assert isinstance(desk.next(anna), Done)
    assert (desk.progress().answers, desk.progress().declined) == (1, 1)


def test_who_leaves_comes_back_to_the_conversation_and_one_that_is_long_enough_counts(
    tmp_path: Path, ledger: Ledger
) -> None:
    clock = Clock()
    desk, anna = begun(tmp_path, ledger, clock=clock, items=[{**TOPICS[0], "overlap": 2}])
    ben = join(desk)
    task = judging(desk, anna)
    clock.move(minutes=40)
    desk.submit(anna, task.reservation, {"preferred": "left"})
    assert len(speaking(desk, anna).messages) == 2, "late, and there was a place: it goes on"
    clock.move(minutes=40)
    assert isinstance(desk.next(ben), Speaking)
    assert len(speaking(desk, anna).messages) == 2
    turn = judging(desk, anna).reservation
    desk.submit(anna, turn, {"preferred": "left"})
    clock.move(minutes=40)
    assert isinstance(desk.next(anna), Done), "two turns are enough: whoever left has ended it"
    assert desk.progress().answers == 1


def test_a_turn_that_is_late_and_has_no_place_is_kept_besides(tmp_path: Path, ledger: Ledger) -> None:
    clock = Clock()
    desk, anna = begun(tmp_path, ledger, clock=clock)
    task = judging(desk, anna)
    clock.move(minutes=40)
    ben = join(desk)
    turn = speaking(desk, ben)
    with pytest.raises(Conflict, match="has gone on"):
        desk.say(anna, task.reservation, "More")
    receipt = desk.submit(anna, task.reservation, {"preferred": "left"})
    assert receipt.surplus
    assert ledger.rows() == 1
    assert speaking(desk, ben).reservation == turn.reservation


def test_who_is_paused_or_erased(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger)
    task = judging(desk, anna)
    desk.pause(anna.pseudonym, "why")
    assert isinstance(desk.next(anna), Paused)
    with pytest.raises(Conflict, match="is kept"):
        desk.submit(anna, task.reservation, {"preferred": "left"})
    desk.resume(anna.pseudonym)
    again = desk.next(anna)
    assert isinstance(again, Task)
    assert again.draft == {"preferred": "left"}
    desk.submit(anna, task.reservation, {"preferred": "left"})
    desk.save_draft(anna, speaking(desk, anna).reservation, {"text": "a secret"})
    desk.erase(anna.pseudonym)
    assert isinstance(desk.next(anna), Paused)
    if ledger.location is not None and hasattr(ledger.location, "path"):
        assert b"a secret" not in ledger.location.path.read_bytes()


class Narrow(Echo):
    """A model that reads a hundred characters."""

    def room(self, prompt: Prompt) -> int:
        return 100 - sum(len(message.content) for message in prompt.messages)


def test_the_end_of_the_context_is_told_before_it_is_reached(tmp_path: Path, ledger: Ledger) -> None:
    desk, anna = begun(tmp_path, ledger, Narrow(), sampling={"max_tokens": 20}, dialogue={"least": 3, "most": 9})
    turn = speaking(desk, anna)
    assert turn.room is None
    with pytest.raises(FormError, match="Shorten it by 60 characters"):
        desk.say(anna, turn.reservation, "x" * 100)
    assert speaking(desk, anna).draft == "x" * 100
    desk.submit(anna, judging(desk, anna, "x" * 40).reservation, {"preferred": "left"})
    told = speaking(desk, anna)
    assert told.room == 100 - 40 - 2 - 20 - 12, "a letter a token, as in the answers"
    assert not told.place.over
    desk.submit(anna, judging(desk, anna, "x" * 37).reservation, {"preferred": "left"})
    full = speaking(desk, anna)
    assert full.place.over
    desk.end(anna, full.reservation)
    assert isinstance(desk.next(anna), Done)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"question": {"kind": "critique"}}, "turns cannot be judged by kind"),
        ({"dialogue": {"edits": True}}, "needs one answer a turn"),
        ({"dialogue": {"least": 3, "most": 2}}, "above most = 2"),
        ({"dialogue": {"moost": 2}}, "dialogue.moost: no such key.*most"),
        ({"repeat_share": 0.1}, "repeat_share: needs the same item"),
        ({"candidates": 2}, "candidates: needs the same item"),
        ({"items": [{"prompt": "A", "completions": ["a", "b"]}]}, "begins without completions"),
        ({"items": [{"prompt": {"messages": [{"role": "assistant", "content": "Hi"}]}}]}, "system text"),
    ],
)
def test_what_a_dialogue_cannot_be(tmp_path: Path, ledger: Ledger, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        begun(tmp_path, ledger, **keys)


def test_without_a_writer_there_is_nobody_to_talk_with(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(StudyError, match=r"items.jsonl:1.*name a writer"):
        opened(lay(tmp_path, TOPICS, dialogue={}), ledger)
