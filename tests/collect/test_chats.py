"""Answers of a chat endpoint on either store: odd characters, several at once, and somebody who is forgotten."""

import threading
from pathlib import Path

import pytest
from small_desks import lay

from accord.collect import Desk
from accord.collect.desk.chats import ChatAnswer, ChatJudgement, judge_answer, keep_answer
from accord.errors import AccessError, FormError
from accord.feedback import Ledger
from accord.records import Completion, Label, Prompt

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
