"""Two models side by side, blindly; votes in the ledger, and who stands where by them."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from chatting import Visitor, chatting, speaker

from accord.errors import ModelError, StorageError
from accord.feedback import Ledger, draw_pairs
from accord.feedback.provenance import is_order_known, shown_digest
from accord.records import Comparison, Label
from accord.serve.chat.conversations import Conversations
from accord.serve.chat.votes import pseudonym_of

FIRST, SECOND = "alpha@11111111", "beta@22222222"


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with Ledger(tmp_path / "votes.db", pooled=True) as opened:
        yield opened


def battle(ledger: Ledger, *sides: bool, **more: Any) -> Any:
    """A page of two models; `sides` says, answer by answer, whether the second one stands on the left."""
    tosses = cycle(sides or (False,))
    return chatting(speaker(FIRST, seed=1), speaker(SECOND, seed=5), ledger=ledger, toss=lambda: next(tosses), **more)


def asked(url: str, text: str = "Say something.") -> Visitor:
    """Somebody before two whole answers."""
    visitor = Visitor(url)
    visitor.get()
    visitor.send("/say", text=text)
    visitor.whole()
    return visitor


def test_models_are_unknown_until_the_vote_is_in_the_ledger(ledger: Ledger) -> None:
    with battle(ledger, True) as url:
        visitor = Visitor(url)
        pages = [visitor.get(), visitor.send("/say", text="Say something."), visitor.whole(), visitor.get("/standings")]
        for page in pages:
            assert "alpha" not in page
            assert "beta" not in page
        assert "No two texts of different models" in pages[-1]
        visitor.get()
        visitor.send("/vote", vote="left")
        assert "You said: <strong>Answer 1 was better</strong>" in visitor.page
        assert re.search(f"Answer 1 was by <strong>{SECOND}</strong>, answer 2 by <strong>{FIRST}", visitor.page)
        assert SECOND in visitor.get("/standings")
    (feedback,) = ledger.feedback()
    assert feedback.judgement == Comparison(preferred="left")
    left, right = (ledger.completions()[name] for name in feedback.completions)
    assert (left.writer, right.writer) == (SECOND, FIRST)
    assert left.sampling is not None
    assert (left.sampling.max_tokens, left.sampling.temperature) == (8, 0.0)
    assert left.text != right.text
    prompt = ledger.prompts()[feedback.prompt]
    assert prompt.text == "Say something."
    assert is_order_known(feedback)
    assert feedback.shown_digest == shown_digest(prompt, [left, right])
    assert feedback.time is not None
    assert feedback.seconds is not None
    evaluator = ledger.evaluators()[feedback.evaluator]
    (browser,) = [cookie.value for cookie in visitor.cookies if "browser" in cookie.name]
    assert (evaluator.kind, evaluator.pseudonym) == ("person", pseudonym_of(browser or ""))


def test_the_conversation_goes_on_with_the_preferred_answer(ledger: Ledger) -> None:
    with battle(ledger, False, True) as url:
        visitor = asked(url)
        visitor.send("/vote", vote="right")
        visitor.send("/say", text="And now?")
        visitor.whole()
        visitor.send("/vote", vote="tie")
        assert "drawn by lot" in visitor.page
    first, second = ledger.feedback()
    preferred = ledger.completions()[first.completions[1]]
    messages = ledger.prompts()[second.prompt].messages
    assert [message.content for message in messages] == ["Say something.", preferred.text, "And now?"]
    writers = [[ledger.completions()[name].writer for name in each.completions] for each in (first, second)]
    assert writers == [[FIRST, SECOND], [SECOND, FIRST]], "sides are drawn anew for each answer"
    assert (first.conversation, first.position_in_session, second.position_in_session) == (second.conversation, 0, 1)


def test_both_bad_is_a_tie_with_a_label_of_each(ledger: Ledger) -> None:
    with battle(ledger) as url:
        asked(url).send("/vote", vote="bad")
    judgements = [feedback.judgement for feedback in ledger.feedback()]
    assert judgements == [Comparison(preferred="tie"), *[Label(selected=("bad",), options=("bad",))] * 2]


def test_votes_can_be_learnt_from(ledger: Ledger) -> None:
    with battle(ledger) as url:
        for _ in range(3):
            asked(url).send("/vote", vote="right")
    pairs = draw_pairs(ledger).pairs
    assert len(pairs) == 3
    assert {ledger.completions()[pair.chosen].writer for pair in pairs} == {SECOND}


def test_a_vote_counts_once(ledger: Ledger) -> None:
    with battle(ledger) as url:
        visitor = asked(url)
        form = dict(visitor.hidden)
        with ThreadPoolExecutor(4) as threads:  # the same button, several times at once
            others = [Visitor(url) for _ in range(4)]
            for other in others:
                other.opener, other.page = visitor.opener, visitor.page
            list(threads.map(lambda other: other.send("/vote", vote="left"), others))
        assert {other.status for other in others} == {200}
        visitor.send("/vote", **form, vote="right")
        assert visitor.status == 409
        assert "another vote would not be blind" in visitor.page
    assert [feedback.judgement for feedback in ledger.feedback()] == [Comparison(preferred="left")]


@pytest.mark.parametrize("vote", [None, "", "LEFT", "both", "left\0"])
def test_a_malformed_vote_is_refused(ledger: Ledger, vote: str | None) -> None:
    with battle(ledger) as url:
        visitor = asked(url)
        visitor.send("/vote", **({} if vote is None else {"vote": vote}))
        assert visitor.status == 400
        assert "alpha" not in visitor.page
        visitor.get()
        assert 'action="/vote"' in visitor.page, "it can still be voted"
    assert ledger.rows() == 0


def test_a_vote_without_answers_is_refused(ledger: Ledger) -> None:
    with battle(ledger) as url:
        visitor = Visitor(url)
        visitor.get()
        visitor.send("/vote", conversation=visitor.hidden["conversation"], turns="0", vote="left")
        assert visitor.status == 409
        nobody = Visitor(url)
        nobody.send("/vote", vote="left")
        assert nobody.status == 403
    assert ledger.rows() == 0


def test_who_fails_is_not_told_and_nothing_can_be_voted_on(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = speaker(FIRST, seed=1), speaker(SECOND, seed=5)
    step, count = other.worker.engine.step, iter(range(10_000))

    def failing() -> Any:
        if next(count) == 3:
            raise ModelError(f"{SECOND} broke")
        return step()

    monkeypatch.setattr(other.worker.engine, "step", failing)
    with chatting(one, other, ledger=ledger) as url:
        visitor = asked(url)
        assert "A model failed before its answer was whole. Only whole answers can be voted on." in visitor.page
        assert "beta" not in visitor.page
        visitor.send("/vote", vote="left")
        assert visitor.status == 409
        visitor.get()
        visitor.send("/again")
        visitor.whole()
        visitor.send("/vote", vote="left")
        assert "You said" in visitor.page
    assert ledger.rows() == 1


def test_a_vote_that_cannot_be_kept_is_not_taken(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    add = ledger.add

    def full(*records: Any) -> Any:
        raise StorageError(f"{ledger.location}: no space left")

    with battle(ledger) as url:
        visitor = asked(url)
        monkeypatch.setattr(ledger, "add", full)
        visitor.send("/vote", vote="left")
        assert visitor.status == 503
        assert "alpha" not in visitor.page
        assert str(ledger.location) not in visitor.page
        monkeypatch.setattr(ledger, "add", add)
        visitor.get()
        visitor.send("/vote", vote="left")
        assert "You said" in visitor.page
    assert ledger.rows() == 1


def test_one_person_alone_has_the_page_under_a_pseudonym(ledger: Ledger) -> None:
    with battle(ledger, evaluator="anna") as url:
        asked(url).send("/vote", vote="left")
        asked(url).send("/vote", vote="right")
    assert [evaluator.pseudonym for evaluator in ledger.evaluators().values()] == ["anna"]


def test_sides_are_a_fair_coin() -> None:
    """Without a toss that is handed in, each side is as likely, and conversations do not share one."""
    conversations = Conversations((speaker(FIRST), speaker(SECOND)))
    tosses = [conversations.fresh().toss() for _ in range(400)]
    assert 140 < sum(tosses) < 260


def test_a_reader_of_standings_sees_intervals(ledger: Ledger) -> None:
    with battle(ledger, False, True) as url:
        for vote in ("left", "left", "right", "left", "tie", "bad"):
            visitor = asked(url)
            visitor.send("/vote", vote=vote)
        page = visitor.get("/standings")
    assert "6 comparisons in" in page
    assert "2 of them a tie (1 with both bad), by 6 people" in page
    assert "Intervals of 95 % are over people" in page
    assert page.index(SECOND) < page.index(FIRST)
