"""A run on a file of one kind of judgement leaves a card whose n is what the file holds."""

import re
from pathlib import Path

import pytest

from accord import recipe
from accord.artefacts import CARD, SCORES
from accord.feedback import Ledger, read_data
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.records import (
    Completion,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Prompt,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
    Steps,
)
from accord.report import write

KINDS: dict[str, list[Judgement]] = {
    "ranking": [Ranking(tiers=((0,), (1,)))],
    "rating": [Rating(value=4.0, scale=Scale(low=1, high=5)), Rating(value=2.0, scale=Scale(low=1, high=5))],
    "label": [Label(selected=("kind",), options=("kind", "rude")), Label(selected=(), options=("kind", "rude"))],
    "spans": [Spans(spans=(Span(start=0, end=3, type="wrong"),)), Spans(spans=())],
    "steps": [Steps(verdicts=("right",)), Steps(verdicts=("wrong",))],
    "correction": [Correction(text="The sea is deep and cold.")],
    "critique": [Critique(text="Too short.")],
    "demonstration": [Demonstration(text="The sea is deep.")],
}
RECIPE = """
[data]
ledger = "{ledger}"
train = 0.5
eval_reward = 0.0
held_out = 0.5

[reward]
kind = "python"
path = "{folder}/mine.py:score"
"""


def ledger_of(kind: str, path: Path) -> None:
    """Twenty prompts with two texts each, and every judgement of the kind about the first or both of them."""
    person = Evaluator(kind="person", pseudonym="ann")
    with Ledger(path) as ledger:
        records: list[object] = [person]
        for number in range(20):
            prompt = Prompt.ask(f"How deep is sea number {number}?")
            texts = [Completion(prompt=prompt.id, text=f"Sea {number} is {word}.") for word in ("deep", "no matter")]
            records += [prompt, *texts]
            for place, judgement in enumerate(KINDS[kind]):
                about = {"ranking": texts, "demonstration": []}.get(kind, [texts[place]])
                names = tuple(each.id for each in about)
                records.append(Feedback(evaluator=person.id, prompt=prompt.id, completions=names, judgement=judgement))
        ledger.extend(records)


@pytest.mark.parametrize("kind", KINDS)
def test_the_card_has_the_number_of_the_file(kind: str, tmp_path: Path) -> None:
    ledger_of(kind, tmp_path / "l.db")
    (tmp_path / "mine.py").write_text(
        "def score(prompts, completions):\n    return [float(len(each.text)) for each in completions]\n"
    )
    settings = recipe.parse(RECIPE.format(ledger=tmp_path / "l.db", folder=tmp_path))
    with start_run(settings, tmp_path / "run", resume=False) as run:
        drive(settings, run, ProgressDisplay(quiet=True), only=("data", "reward"))
        card, data = CARD.read(run, "reward"), read_data(run)
        held_out = [each for each in data.feedback["held_out"] if each.judgement.kind == kind]
        rows = [row for row in card.judgements or () if row.kind == kind]
        assert rows
        assert {row.acts for row in rows} == {len(held_out)}
        assert {row.acts + row.learnt_from for row in rows} == {20 * len(KINDS[kind])}
        assert (card.accuracy is None) == (kind not in {"ranking", "rating"})
        assert kind in ("demonstration",) or SCORES.has(run, "reward")
        if kind == "label":
            assert "Every kind of judgement that was held out" in re.sub("<[^>]*>", "", write(run).read_text())
