"""Answers of a chat endpoint on either store: odd characters, several at once, and somebody who is forgotten."""

import threading
from pathlib import Path

import pytest
from small_desks import Clock, lay
from sqlalchemy import select

from accord.collect import Desk
from accord.collect.desk.chats import ChatAnswer, ChatJudgement, judge_answer, keep_answer
from accord.collect.desk.tables import chat_answers
from accord.errors import AccessError, FormError
from accord.feedback import Ledger
from accord.records import Comparison, Completion, Label, Prompt
from accord.serve.feedback_requests import FeedbackRequest

UP = Label(selected=("up",), options=("up", "down"))
CHAT = {"chat": {"agreed": "by the terms"}, "consent": "You agree."}


def answer(name: str, user: str, text: str = "Hello") -> ChatAnswer:
    prompt = Prompt.ask(text)
    return ChatAnswer(name, user, prompt, (Completion(prompt=prompt.id, text=f"{text}!"),))


def thumb(n: int) -> list[ChatJudgement]:
    return [ChatJudgement("thumb", (n - 1,), UP)]


def test_texts_of_any_kind_and_a_user_who_comes_from_many_threads(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where, pooled=True) as ledger:
        context = Desk(lay(tmp_path, **CHAT), ledger).context
        texts = ["a\0b", "\u2028", "😀", "x" * 100_000]
        threads = [
            threading.Thread(target=keep_answer, args=(context, answer(f"a{n}", "änna", text)))
            for n, text in enumerate(texts)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for n in range(len(texts)):
            judge_answer(context, "änna", f"a{n}", thumb)
        assert sorted(prompt.text for prompt in ledger.prompts().values()) == sorted(texts)
        assert len(ledger.evaluators()) == 1


def test_who_is_forgotten_is_nobody_and_what_was_not_judged_is_gone(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = Desk(lay(tmp_path, **CHAT), ledger)
        keep_answer(desk.context, answer("a1", "anna", "never judged, a secret"))
        [person] = desk.progress().people
        desk.erase(person.pseudonym)
        assert b"a secret" not in (tmp_path / "l.db").read_bytes()
        with pytest.raises(FormError, match="no answer"):
            judge_answer(desk.context, "anna", "a1", thumb)
        for user in ("", "x" * 257, "a\0b"):
            with pytest.raises(AccessError, match="not among those"):
                keep_answer(desk.context, answer("a2", user))


def test_each_study_of_a_ledger_keeps_its_answers_for_its_own_hours(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        long, short = (
            Desk(
                lay(tmp_path, **CHAT | {"name": name, "chat": {"agreed": "y", "keep_hours": hours}}),
                ledger,
                clock=clock,
            )
            for name, hours in (("long", 8_000), ("short", 1))
        )
        for desk, name in ((long, "a1"), (short, "b1"), (short, "b2")):
            keep_answer(desk.context, answer(name, "anna"))
        judge_answer(short.context, "anna", "b2", thumb)
        clock.move(hours=2)
        with pytest.raises(FormError, match="none any more"):
            judge_answer(short.context, "anna", "b1", thumb)
        judge_answer(short.context, "anna", "b2", thumb)
        keep_answer(short.context, answer("b3", "anna"))
        judge_answer(long.context, "anna", "a1", thumb)


def test_what_is_too_old_is_gone_when_the_desk_opens(tmp_path: Path) -> None:
    clock, study = Clock(), lay(tmp_path, **CHAT)
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        keep_answer(Desk(study, ledger, clock=clock).context, answer("a1", "anna"))
        clock.move(hours=73)
        desk = Desk(study, ledger, clock=clock)
        with ledger.begin() as connection:
            assert connection.execute(select(chat_answers.c.id)).all() == []
        with pytest.raises(FormError, match="none any more"):
            judge_answer(desk.context, "anna", "a1", thumb)


def test_another_preference_takes_the_place_of_all_of_the_one_before(tmp_path: Path) -> None:
    clock, prompt = Clock(), Prompt.ask("Hello")
    choices = tuple(Completion(prompt=prompt.id, text=text) for text in "xyz")
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        context = Desk(lay(tmp_path, **CHAT), ledger, clock=clock).context
        keep_answer(context, ChatAnswer("a1", "anna", prompt, choices))
        for better in (0, 1, 1, 2, 0):
            clock.move(seconds=1)
            judge_answer(context, "anna", "a1", FeedbackRequest(id="a1", preferred=better).parts)
            replaced = {record.replaces for record in ledger.feedback()}
            standing = [record for record in ledger.feedback() if record.id not in replaced]
            won = []
            for record in standing:
                assert isinstance(record.judgement, Comparison)
                won.append(record.completions[record.judgement.preferred == "right"])
            assert won == [choices[better].id] * 2
        assert ledger.rows() == 8
