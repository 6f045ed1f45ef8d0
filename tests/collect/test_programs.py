"""Programs as evaluators."""

from collections.abc import Sequence
from itertools import combinations, count
from pathlib import Path

import numpy as np
import pytest

from accord.collect import ProgramAsker, compare_by
from accord.feedback import Ledger, draw_pairs, is_order_known
from accord.interfaces import Asker, Item, Scores
from accord.records import Comparison, Completion, Judgement, Label, Prompt

ASKED = Prompt.ask("Write a word.")
TEXTS = [Completion(prompt=ASKED.id, text="a" * length) for length in range(1, 9)]
ITEMS = [Item(ASKED, pair) for pair in combinations(TEXTS, 2)]


class Length:
    """The longer the better."""

    name = "length"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        assert len(prompts) == len(completions)
        return Scores(np.array([float(len(each.text)) for each in completions]))


def test_a_judge_becomes_comparisons_in_a_ledger(tmp_path: Path) -> None:
    asker = ProgramAsker("length", compare_by(Length()), study="words", session="s")
    assert isinstance(asker, Asker)
    said = [each for each in asker.ask(ITEMS) if each is not None]
    assert len(said) == len(ITEMS)
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.add(ASKED, asker.evaluator, *TEXTS, *said)
        drawn = draw_pairs(ledger)
        texts = {name: each.text for name, each in ledger.completions().items()}
    assert len(drawn.pairs) == len(ITEMS)
    assert all(len(texts[pair.chosen]) > len(texts[pair.rejected]) and not pair.tie for pair in drawn.pairs)
    assert asker.evaluator.kind == "rule"
    assert all(is_order_known(each) and each.session == "s" and each.study == "words" for each in said)
    assert [each.position_in_session for each in said] == list(range(len(ITEMS)))


def test_near_scores_are_ties() -> None:
    said = ProgramAsker("length", compare_by(Length(), tie_within=1.0)).ask(ITEMS)
    for each, item in zip(said, ITEMS, strict=True):
        assert each is not None
        assert isinstance(each.judgement, Comparison)
        near = abs(len(item.completions[0].text) - len(item.completions[1].text)) <= 1
        assert (each.judgement.preferred == "tie") == near
    with pytest.raises(ValueError, match="tie_within is a distance"):
        compare_by(Length(), tie_within=-1)


def test_the_order_is_drawn_from_the_item_and_the_seed() -> None:
    def order(seed: int, items: Sequence[Item]) -> list[tuple[str, ...]]:
        asker = ProgramAsker("left", lambda _: Comparison(preferred="left"), seed=seed)
        return [each.completions for each in asker.ask(items) if each is not None]

    as_given = [tuple(each.id for each in item.completions) for item in ITEMS]
    shown = order(0, ITEMS)
    assert shown == order(0, ITEMS) != order(1, ITEMS)
    assert [sorted(each) for each in shown] == [sorted(each) for each in as_given]
    assert 5 < sum(one == other for one, other in zip(shown, as_given, strict=True)) < len(ITEMS) - 5
    turned = [Item(item.prompt, item.completions[::-1]) for item in ITEMS]
    assert order(0, turned) == shown
    assert order(0, ITEMS[3:]) == shown[3:]


def test_one_completion_and_seconds() -> None:
    ticks = count(step=2.5)

    def long(item: Item) -> Judgement:
        return Label(selected=("long",) if len(item.completions[0].text) > 4 else (), options=("long",))

    asker = ProgramAsker("long", long, clock=lambda: next(ticks))
    said = asker.ask([Item(ASKED, (each,)) for each in TEXTS])
    assert [each.judgement.selected for each in said if each and isinstance(each.judgement, Label)] == [()] * 4 + [
        ("long",)
    ] * 4
    assert {each.seconds for each in said if each} == {2.5}
    assert len({each.shown_digest for each in said if each}) == len(TEXTS)


def test_a_verdict_of_the_wrong_shape_is_not_kept() -> None:
    with pytest.raises(ValueError, match="a comparison is about 2 completions, not 1"):
        ProgramAsker("x", lambda _: Comparison(preferred="left")).ask([Item(ASKED, (TEXTS[0],))])
    with pytest.raises(ValueError, match="a comparison needs two completions, not 3"):
        ProgramAsker("x", compare_by(Length())).ask([Item(ASKED, tuple(TEXTS[:3]))])
