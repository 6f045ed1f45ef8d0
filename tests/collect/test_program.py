"""Programs as evaluators."""

from collections.abc import Sequence
from itertools import combinations, count
from pathlib import Path

import numpy as np
import pytest

from accord.collect import ProgramSource, compare_by
from accord.feedback import Ledger, draw_pairs, is_order_known
from accord.interfaces import Item, Scores, Source
from accord.records import Comparison, Completion, Feedback, Judgement, Label, Prompt

ASKED = Prompt.ask("Write a word.")
TEXTS = [Completion(prompt=ASKED.id, text="a" * length) for length in range(1, 9)]
ITEMS = [Item(ASKED, pair) for pair in combinations(TEXTS, 2)]


class Length:
    """The longer the better."""

    name = "length"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        assert len(prompts) == len(completions)
        return Scores(np.array([float(len(completion.text)) for completion in completions]))


def judged(source: ProgramSource) -> list[Feedback]:
    return [record for record in source.records() if isinstance(record, Feedback)]


def test_a_judge_becomes_comparisons_in_a_ledger(tmp_path: Path) -> None:
    source = ProgramSource("length", compare_by(Length()), ITEMS, study="words", session="s")
    assert isinstance(source, Source)
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(source.records())
        feedback = list(ledger.feedback())
        sample = draw_pairs(ledger)
        texts = {name: completion.text for name, completion in ledger.completions().items()}
    assert len(feedback) == len(sample.pairs) == len(ITEMS)
    assert all(len(texts[pair.chosen]) > len(texts[pair.rejected]) and not pair.tie for pair in sample.pairs)
    assert source.evaluator.kind == "rule"
    assert all(is_order_known(record) and record.session == "s" and record.study == "words" for record in feedback)
    assert sorted(record.position_in_session or 0 for record in feedback) == list(range(len(ITEMS)))


def test_near_scores_are_ties() -> None:
    feedback = judged(ProgramSource("length", compare_by(Length(), tie_within=1.0), ITEMS))
    for record, item in zip(feedback, ITEMS, strict=True):
        assert isinstance(record.judgement, Comparison)
        near = abs(len(item.completions[0].text) - len(item.completions[1].text)) <= 1
        assert (record.judgement.preferred == "tie") == near
    with pytest.raises(ValueError, match="tie_within is a distance"):
        compare_by(Length(), tie_within=-1)


def test_the_order_is_drawn_from_the_item_and_the_seed() -> None:
    def order(seed: int, items: Sequence[Item]) -> list[tuple[str, ...]]:
        source = ProgramSource("left", lambda _: Comparison(preferred="left"), items, seed=seed)
        return [record.completions for record in judged(source)]

    original = [tuple(completion.id for completion in item.completions) for item in ITEMS]
    shown = order(0, ITEMS)
    assert shown == order(0, ITEMS) != order(1, ITEMS)
    assert [sorted(names) for names in shown] == [sorted(names) for names in original]
    assert 5 < sum(drawn == names for drawn, names in zip(shown, original, strict=True)) < len(ITEMS) - 5
    reversed_items = [Item(item.prompt, item.completions[::-1]) for item in ITEMS]
    assert order(0, reversed_items) == shown
    assert order(0, ITEMS[3:]) == shown[3:]


def test_one_completion_and_seconds() -> None:
    ticks = count(step=2.5)

    def long(item: Item) -> Judgement:
        return Label(selected=("long",) if len(item.completions[0].text) > 4 else (), options=("long",))

    items = [Item(ASKED, (completion,)) for completion in TEXTS]
    feedback = judged(ProgramSource("long", long, items, clock=lambda: next(ticks)))
    selected = [record.judgement.selected for record in feedback if isinstance(record.judgement, Label)]
    assert selected == [()] * 4 + [("long",)] * 4
    assert {record.seconds for record in feedback} == {2.5}
    assert len({record.shown_digest for record in feedback}) == len(TEXTS)


def test_a_verdict_of_the_wrong_shape_is_not_kept() -> None:
    with pytest.raises(ValueError, match="a comparison is about 2 completions, not 1"):
        judged(ProgramSource("x", lambda _: Comparison(preferred="left"), [Item(ASKED, (TEXTS[0],))]))
    with pytest.raises(ValueError, match="a comparison needs two completions, not 3"):
        judged(ProgramSource("x", compare_by(Length()), [Item(ASKED, tuple(TEXTS[:3]))]))
