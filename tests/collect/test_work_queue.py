"""What is paid for is kept, and what nobody counted is charged: queues, budgets, and what else goes wrong."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from small_studies import lay_out

from accord.cli import run
from accord.collect import Study
from accord.collect.sources.contrast_asking import ContrastAsking
from accord.collect.sources.scores import ScoreAnswerer
from accord.collect.sources.study_items import items_of
from accord.collect.sources.token_budget import TokenBudget
from accord.collect.sources.work_queue import WorkQueue
from accord.errors import ModelError
from accord.feedback import Ledger
from accord.interfaces import Item, Reply, Scores
from accord.records import Comparison, Completion, Prompt, Sampling
from talking_server import answer_key, spoken, talking


def test_what_finished_is_kept_before_what_nobody_foresaw_is_raised() -> None:
    together, kept = Barrier(8), []

    def work(number: int) -> int:
        together.wait(10)
        if number < 5:
            raise ZeroDivisionError(number)
        return number

    def keep(number: int, result: int) -> int:
        kept.append(result)
        if number == 5:
            raise OSError("the disk is full")
        return 1

    work_queue = WorkQueue(lambda _: 1, work, keep, lambda *_: None, TokenBudget(None, 0), parallel=8)
    with pytest.raises((ZeroDivisionError, OSError)):
        work_queue.run(deque(range(8)))
    assert sorted(kept) == [5, 6, 7]


@dataclass
class Uncounted:
    """Writes half a character behind its system text, and nobody counts its tokens."""

    name: str = "writer"

    def reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        del sampling
        return Reply(f"{prompt.messages[0].content} \ud800", None, "stop")


def test_contrasts_that_nobody_counted_are_charged_as_much_as_they_can_have_cost(tmp_path: Path) -> None:
    study = Study.load(lay_out(tmp_path))
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        items = items_of(study, ledger)

        def asking(budget: int | None, *, resume: bool) -> ContrastAsking:
            return ContrastAsking(
                study, items, "Be good.", "Be bad.", Uncounted(), ledger, resume=resume, budget=budget, parallel=1
            )

        budget = int(2.5 * max(asking(None, resume=False)._most_tokens(item) for item in items))
        first = asking(budget, resume=False).run()
        assert first.answered == 2
        assert asking(budget, resume=True).run().answered == 0
        texts = {completion.text for completion in ledger.completions().values()}
    assert texts == {"Be good. ?", "Be bad. ?"}


def test_one_answer_of_two_that_nobody_counted_charges_both(tmp_path: Path) -> None:
    study, ledger = lay_out(tmp_path), tmp_path / "l.db"
    bodies_seen: list[object] = []

    def reply(body: dict[str, object]) -> tuple[int, str]:
        bodies_seen.append(body)
        text = spoken(f"ANSWER {answer_key(body)}: A")
        return 200, text if len(bodies_seen) % 2 else text.replace("1000", "null")

    with talking(reply) as (url, bodies):
        arguments = ["ask", str(study), "--ledger", str(ledger), "--by", f"model:{url}", "--parallel", "1"]
        assert run([*arguments, "--budget-tokens", "40000"]) == 0
        requests = len(bodies)
        assert 2 <= requests < 16
        assert run([*arguments, "--budget-tokens", "40000", "--resume"]) == 0
        assert len(bodies) == requests


class Broken:
    """A judge without a number for anything."""

    name = "broken"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        del prompts
        return Scores(np.full(len(completions), np.nan))


def test_a_score_that_is_no_number_is_a_failure_of_the_model(tmp_path: Path) -> None:
    study = Study.load(lay_out(tmp_path))
    with Ledger(tmp_path / "l.db") as ledger:
        item = items_of(study, ledger)[0]
    answerer = ScoreAnswerer(Broken(), "here", study.question)
    with pytest.raises(ModelError, match=r"broken: scores .* are not finite"):
        answerer.answer(Item(item.prompt, item.completions))


def test_an_item_that_is_a_control_question_too_is_one(tmp_path: Path) -> None:
    path = lay_out(tmp_path, top='gold_file = "gold.jsonl"\ngold_share = 0.1\n')
    line = json.loads((path.parent / "items.jsonl").read_text().splitlines()[0])
    line["completions"].reverse()
    gold = {"kind": "comparison", "preferred": "right"}
    (path.parent / "gold.jsonl").write_text(json.dumps(line | {"gold": gold}) + "\n")
    study = Study.load(path)
    with Ledger(tmp_path / "l.db") as ledger:
        items = items_of(study, ledger)
    assert [item.gold for item in items] == [Comparison(preferred="right"), *[None] * 7]
    assert [completion.text for completion in items[0].completions] == line["completions"]
