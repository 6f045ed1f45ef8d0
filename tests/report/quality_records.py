"""A study whose every name is something that no page may hold as it is."""

import numpy as np

from accord.records import Assistance, Comparison, Completion, Evaluator, Feedback, Prompt, Record

__all__ = ["HOSTILE", "HOSTILE_ATTRIBUTE", "TARGET", "TARGETS", "study"]

HOSTILE = "<script>alert(1)</script>\x1b[31m"
HOSTILE_ATTRIBUTE = 'a"><script>alert(1)</script>\x1b[31m $\\frac$ \\1'
TARGET = {"age": {"young": 0.5, "old": 0.5}}
TARGETS = {name: {"young": 0.5, HOSTILE_ATTRIBUTE: 0.5} for name in (HOSTILE_ATTRIBUTE, "a b", "a-b")}


def study(people: int = 12, pairs: int = 40) -> list[Record]:
    """Everybody compares every pair: rightly nine times in ten, but for one at random and one the other way round.

    Whatever a name can be given to is called by something that no page may hold as it is.
    """
    draw = np.random.default_rng(0)
    names = [HOSTILE, "turned", *(f"person {place}" for place in range(people - 2))]
    who = [
        Evaluator(
            kind="person",
            pseudonym=name,
            pool=HOSTILE if i % 2 else "here",
            attributes={"age": "young" if i % 4 else "old"}
            | dict.fromkeys(TARGETS, "young" if i % 4 else HOSTILE_ATTRIBUTE),
        )
        for i, name in enumerate(names)
    ]
    prompts = [Prompt.ask(f"Question {place}? {HOSTILE}") for place in range(pairs)]
    texts = [[Completion(prompt=one.id, text=f"{one.text} {side}", writer=HOSTILE) for side in "ab"] for one in prompts]
    right = {names[0]: 0.5, names[1]: 0.1}
    answers = [
        Feedback(
            evaluator=by.id,
            prompt=prompts[place].id,
            completions=(texts[place][0].id, texts[place][1].id),
            judgement=Comparison(preferred="left" if draw.random() < right.get(by.pseudonym, 0.9) else "right"),
            shown_digest="d",
            seconds=9.0,
            study=HOSTILE,
            assistance=Assistance(kind="critique", by=HOSTILE, shown=place % 4 < 2, digest="d"),
        )
        for by in who
        for place in range(pairs)
    ]
    return [*prompts, *(text for both in texts for text in both), *who, *answers]
