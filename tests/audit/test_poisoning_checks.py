"""MH3: what is named of many prompts, what is left alone, and what is said where nothing can be told."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from accord.audit.evidence import LedgerRecords
from accord.audit.people.bursts import copied, in_bursts
from accord.audit.people.poisoning_study import named, smallest_p, studies_assessed, studies_compared
from accord.audit.people.poisoning_thresholds import PoisoningThresholds
from accord.errors import MissingEvidence
from accord.feedback.quality.poisoning import Suspect
from accord.records import Comparison, Completion, Demonstration, Evaluator, Feedback, Prompt
from accord.stats import mean

START = datetime(2024, 1, 1, tzinfo=UTC)
WHO = Evaluator(kind="person", pseudonym="one")
PROMPT = Prompt.ask("Which is better?")
TEXTS = [Completion(prompt=PROMPT.id, text=" ".join(["word"] * 20) + f" {side}") for side in range(2)]


def suspect(p: float) -> Suspect:
    return Suspect(f"w{p}", mean([0.0, 1.0]), p, ())


def compared(seconds: float, number: int) -> list[Feedback]:
    return [
        Feedback(
            evaluator=WHO.id,
            prompt=PROMPT.id,
            completions=tuple(text.id for text in TEXTS),
            judgement=Comparison(preferred="left"),
            time=START + timedelta(seconds=seconds * place),
        )
        for place in range(number)
    ]


def bursts_of(answers: list[Feedback]) -> int:
    return len(in_bursts({WHO.id: answers}, {text.id: text for text in TEXTS}, PoisoningThresholds()))


@pytest.mark.parametrize(("seconds", "number", "flagged"), [(0.2, 6, 6), (0.2, 4, 0), (5.0, 50, 0)])
def test_a_run_of_answers_faster_than_reading_is_a_burst(seconds: float, number: int, flagged: int) -> None:
    assert bursts_of(compared(seconds, number)) == flagged


def test_a_burst_ends_where_somebody_reads() -> None:
    fast = compared(0.1, 6)
    later = [one.model_copy(update={"time": START + timedelta(hours=1 + place)}) for place, one in enumerate(fast)]
    assert bursts_of(fast + later) == 6


def written(text: str, prompt: str, who: str = "one") -> Feedback:
    return Feedback(evaluator=who, prompt=prompt, completions=(), judgement=Demonstration(text=text))


def test_a_text_sent_again_is_named_and_a_short_one_is_not() -> None:
    long, short = "a b c d e f g h i", "yes it is"
    assert len(copied([written(long, "p1"), written(long.upper(), "p2"), written(long, "p2", "two")], 8)) == 2
    assert copied([written(short, "p1"), written(short, "p2")], 8) == []
    assert copied([written(long, "p1"), written(long, "p1")], 8) == []  # the same answer once more


def test_named_are_those_that_benjamini_and_hochberg_reject() -> None:
    suspects = [suspect(p) for p in (0.0001, 0.0015, 0.004)]
    assert [one.p for one in named(suspects, 10, 0.01)] == [0.0001, 0.0015]
    assert named([], 10, 0.01) == []
    assert smallest_p(suspects, 10, 1) == pytest.approx(0.001)
    assert smallest_p([], 10, 1) == 1.0


def test_studies_are_looked_at_one_by_one_and_too_few_prompts_are_said() -> None:
    answers = {one.id: one for one in compared(5.0, 1)}
    again = {one.id: one for one in (answer.model_copy(update={"study": "other"}) for answer in answers.values())}
    records = LedgerRecords({**answers, **again}, {WHO.id: WHO}, {PROMPT.id: PROMPT}, {text.id: text for text in TEXTS})
    studies = studies_compared(records)
    assert sorted(studies) == ["", "other"]
    assert all(np.array_equal(of_study.prompt_N, [0]) for of_study in studies.values())
    with pytest.raises(MissingEvidence, match="50 prompts"):
        studies_assessed(studies)
    with pytest.raises(MissingEvidence, match="comparisons, rankings or ratings"):
        studies_assessed({})
