"""Live candidates: completions when their turn has come, and what happens where the writer fails."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from small_desks import Clock, answer, join, lay, opened, pairs, task

from accord.collect import Break, Task
from accord.errors import ModelError
from accord.feedback import Ledger
from accord.records import Completion, Prompt, Sampling

BARE = [{"prompt": f"Bare {n}"} for n in range(3)]


class Policy:
    """Writes what it is told to; `faults` are raised first, in order."""

    name = "policy-7"

    def __init__(self, *faults: Exception, same: bool = False, answers: str | None = None) -> None:
        self.faults, self.same, self.answers = list(faults), same, answers
        self.samplings: list[Sampling] = []

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        self.samplings.append(sampling)
        if self.faults:
            raise self.faults.pop(0)
        texts = ["same" if self.same else f"{sampling.seed} {number}" for number in range(n)]
        return [[Completion(prompt=self.answers or prompt.id, text=text) for text in texts] for prompt in prompts]


def test_completions_are_written_once_and_kept_with_their_sampling(tmp_path: Path) -> None:
    policy = Policy()
    with Ledger(tmp_path / "l.db") as ledger:
        study = lay(tmp_path, BARE, overlap=2, sampling={"temperature": 0.5, "max_tokens": 20})
        desk = opened(study, ledger, writer=policy)
        anna, ben = join(desk), join(desk)
        for person in (anna, ben):
            for _ in range(3):
                answer(desk, person)
        assert len(policy.samplings) == 3, "each prompt is written for once, for everybody"
        completions = ledger.completions().values()
        assert {completion.writer for completion in completions} == {"policy-7"}
        assert [completion.sampling.temperature for completion in completions if completion.sampling] == [0.5] * 6
        assert len({completion.sampling.seed for completion in completions if completion.sampling}) == 3, (
            "each item has a seed of its own"
        )
        assert desk.load_items().new == 0
        assert desk.progress().answers == 6


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Policy(ModelError("the endpoint is down")), "policy-7 failed on p-"),
        (Policy(TimeoutError("no answer in 60 s")), "no answer in 60 s"),
        (Policy(same=True), "in 3 tries it wrote 1 different completions, not 2"),
        (Policy(answers="p-other"), "it answered another prompt (p-other)"),
    ],
)
def test_a_writer_that_fails_is_told_of_and_costs_no_answer(tmp_path: Path, policy: Policy, message: str) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, [BARE[0]]), ledger, clock, writer=policy)
        anna = join(desk)
        step = desk.next(anna)
        assert isinstance(step, Break)
        assert (step.reason, "look again" in step.message) == ("writer", True)
        [note] = desk.progress().notes
        assert note.kind == "writer"
        assert message in note.message
        assert ledger.counts()["completions"] == 0
        calls = len(policy.samplings)
        assert isinstance(desk.next(anna), Break)
        assert len(policy.samplings) == calls, "it is left alone for a minute"
        policy.same, policy.answers = False, None
        clock.move(seconds=61)
        assert isinstance(desk.next(anna), Task)


def test_while_the_writer_fails_something_else_is_asked(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        items = [{**BARE[0], "priority": 5}, *pairs(1)]
        desk = opened(lay(tmp_path, items), ledger, writer=Policy(OSError("gone")))
        assert task(desk, join(desk)).prompt.text == "Question 0"


def test_what_is_being_written_is_not_handed_to_others(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        meanwhile: list[object] = []

        class Slow(Policy):
            def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
                if not meanwhile:
                    meanwhile.append(desk.next(ben))
                return super().write(prompts, n, sampling)

        desk = opened(lay(tmp_path, [BARE[0]]), ledger, writer=Slow())
        anna, ben = join(desk), join(desk)
        assert isinstance(desk.next(anna), Task)
        assert isinstance(meanwhile[0], Break)
        assert len(ledger.completions()) == 2


def test_demonstrations_need_no_writer(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, BARE, question={"kind": "demonstration"}), ledger)
        anna = join(desk)
        current = task(desk, anna)
        assert current.completions == ()
        desk.submit(anna, current.reservation, {"text": "An answer."})
        assert ledger.rows() == 1
