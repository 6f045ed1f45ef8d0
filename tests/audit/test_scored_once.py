"""A judge that is asked about each text once says what the judge itself says, whatever was asked before."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.audit.scored_once import ScoredOnce
from accord.errors import ModelError
from accord.interfaces import Scores
from accord.records import Completion, Prompt

PROMPTS = [Prompt.ask(f"Question {number}") for number in range(2)]
TEXTS = [Completion(prompt=prompt.id, text=f"text {number}") for prompt in PROMPTS for number in range(5)]
BY_ID = {prompt.id: prompt for prompt in PROMPTS}


class Telling:
    """Tells all that a judge can tell, of each text by itself, and which texts it was asked about."""

    name = "telling"

    def __init__(self, *, doubts: bool = True, fails: str = "") -> None:
        self.asked: list[str] = []
        self.doubts, self.fails = doubts, fails

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        assert [prompt.id for prompt in prompts] == [each.prompt for each in completions]
        if any(each.text == self.fails for each in completions):
            raise ModelError("no more")
        self.asked += [each.id for each in completions]
        value_N = np.array([float(TEXTS.index(each)) for each in completions])
        members_NS = value_N[:, None] + np.array([-1.0, 1.0])
        return Scores(
            value_N,
            std_N=members_NS.std(1) if self.doubts else None,
            members_NS=members_NS if self.doubts else None,
            components={"half": Scores(value_N / 2, std_N=value_N)},
            credits=tuple(((3, x / 4), (6, 3 * x / 4)) for x in value_N.tolist()),
            scale=0.5,
            tokens_N=np.array([len(each.text) for each in completions], dtype=np.int64),
        )


def ask(judge: ScoredOnce | Telling, places: Sequence[int]) -> Scores:
    texts = [TEXTS[place] for place in places]
    return judge.score([BY_ID[text.prompt] for text in texts], texts)


def same(one: Scores, other: Scores) -> bool:
    arrays = [(getattr(one, name), getattr(other, name)) for name in ("value_N", "std_N", "members_NS", "tokens_N")]
    return (
        all(np.array_equal(a, b) if a is not None and b is not None else a is b for a, b in arrays)
        and (one.credits, one.scale, one.components.keys()) == (other.credits, other.scale, other.components.keys())
        and all(same(one.components[name], other.components[name]) for name in one.components)
    )


@given(calls=st.lists(st.lists(st.integers(0, len(TEXTS) - 1), max_size=6), max_size=6), doubts=st.booleans())
def test_it_says_what_the_judge_says_and_asks_once(calls: list[list[int]], doubts: bool) -> None:
    own, plain = Telling(doubts=doubts), Telling(doubts=doubts)
    once = ScoredOnce(own)
    assert once.name == "telling"
    for places in calls:
        assert same(ask(once, places), ask(plain, places))
    assert sorted(own.asked) == sorted({TEXTS[place].id for places in calls for place in places})


def test_of_a_call_that_fails_nothing_is_kept() -> None:
    judge = Telling(fails=TEXTS[2].text)
    once = ScoredOnce(judge)
    with pytest.raises(ModelError, match="no more"):
        ask(once, [1, 2])
    judge.fails = ""
    assert same(ask(once, [2, 1]), ask(Telling(), [2, 1]))
