"""OV1 where items differ in difficulty: a session of hard items alone does not make its evaluators careless."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of

from accord.artefacts import EVALUATORS, Finding, Verdict
from accord.feedback import Ledger
from accord.records import Completion, Evaluator, Feedback, Prompt, Rating, Scale
from accord.run import InputEntry, RunDirectory

SCALE = Scale(low=0, high=100)


def rated(path: Path, spreads: Sequence[float], *, careless: int, seed: int) -> Finding:
    """Sessions of 12 evaluators on 20 texts, whose qualities spread as given; `careless` of each answer at random."""
    random, prompt = np.random.default_rng(seed), Prompt.ask("How good is it?")
    said: list[Completion | Evaluator | Feedback] = []
    people: list[Evaluator] = []
    for session, spread in enumerate(spreads):
        texts = [Completion(prompt=prompt.id, text=f"text {session} {i}") for i in range(20)]
        quality_N = spread * random.normal(size=20)
        said += texts
        for number in range(12):
            who = Evaluator(kind="simulated", pseudonym=f"e{session}-{number}")
            people.append(who)
            seen_N = random.normal(size=20) if number < careless else quality_N + random.normal(0, 0.5, 20)
            for text, seen in zip(texts, seen_N, strict=True):
                value = float(np.clip(50 + 12 * seen, 0, 100))
                said.append(
                    Feedback(
                        evaluator=who.id,
                        prompt=prompt.id,
                        completions=(text.id,),
                        judgement=Rating(value=value, scale=SCALE),
                        session=f"s{session}",
                    )
                )
    path.mkdir()
    with Ledger(path / "people.db") as ledger:
        ledger.extend([prompt, *people, *said])
        last = ledger.last_row
    with RunDirectory.create(path / "run") as run:
        run.record_input("ledger", InputEntry("", path="../people.db", rows=last, last_row=last))
        EVALUATORS.write(run, people)
        return finding_of("OV1 careless", run)


@pytest.mark.parametrize("seed", range(3))
def test_a_session_of_hard_items_does_not_make_people_careless(seed: int, tmp_path: Path) -> None:
    finding = rated(tmp_path / "run", [2.0, 2.0, 2.0, 0.35, 0.35], careless=0, seed=seed)
    assert finding.verdict is not Verdict.FIRES
    assert finding.estimate is not None
    assert finding.estimate.value < 0.05


def test_items_that_are_hard_for_everybody_make_nobody_careless(tmp_path: Path) -> None:
    finding = rated(tmp_path / "run", [0.5] * 5, careless=0, seed=0)
    assert finding.verdict is Verdict.QUIET


@pytest.mark.parametrize("seed", range(3))
def test_careless_people_are_found_in_every_session(seed: int, tmp_path: Path) -> None:
    finding = rated(tmp_path / "run", [2.0, 2.0, 2.0, 2.0, 2.0], careless=3, seed=seed)
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(0.25, abs=0.06)
