"""Who may take an answer back, and whose answer may be asked again."""

from pathlib import Path
from typing import Any

import pytest
from said import completion, person, prompt, rating

from accord.errors import LedgerError
from accord.feedback import Ledger
from accord.feedback.provenance import current_feedback
from accord.records import Evaluator, Record

ASKED, ELSEWHERE = prompt(), prompt("Something else?")
ANN, BOB = person("ann"), person("bob")
KIM, LEE = (Evaluator(kind="person", pseudonym=name, pool="adjudication") for name in ("kim", "lee"))
TEXT, OTHER = completion(ASKED, "a text"), completion(ELSEWHERE, "another")
FIRST = rating(ANN, TEXT, 1.0, study="s")
RULING = rating(KIM, TEXT, 1.0, study="s")
BASE: list[Record] = [ASKED, ELSEWHERE, ANN, BOB, KIM, LEE, TEXT, OTHER, FIRST, RULING]


def later(by: Evaluator, about: Any = TEXT, relation: str = "replaces", of: Any = FIRST, **more: Any) -> Any:
    return rating(by, about, 3.0, **{"study": "s", relation: of.id, **more})


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (later(BOB), "another evaluator's"),
        (later(BOB, relation="repeat_of"), "another evaluator's"),
        (later(KIM), "another evaluator's"),
        (later(ANN, of=RULING), "another evaluator's"),
        (later(LEE, of=RULING, relation="repeat_of"), "another evaluator's"),
        (later(ANN, OTHER), "about another prompt"),
        (later(ANN, OTHER, "repeat_of"), "about another prompt"),
        (later(LEE, OTHER, of=RULING), "about another prompt"),
        (later(ANN, study="t"), "of another study"),
        (later(ANN, study=None), None),
        (later(ANN), None),
        (later(ANN, relation="repeat_of"), None),
        (later(LEE, of=RULING), None),
    ],
)
def test_an_answer_is_changed_by_whoever_gave_it(
    where: Path | str, said: Any, problem: str | None, together: bool
) -> None:
    with Ledger(where) as ledger:
        if not together:
            ledger.extend(BASE)
        if problem is None:
            assert ledger.extend([said, *BASE] if together else [said]).new["feedback"] == (3 if together else 1)
            return
        with pytest.raises(LedgerError, match=rf"{said.id} \w+ f-\w+, which is .*{problem}"):
            ledger.extend([said, *BASE] if together else [said])
        assert ledger.counts()["feedback"] == (0 if together else 2)


@pytest.mark.parametrize("together", [True, False])
def test_a_mind_changed_twice_replaces_the_last_answer(where: Path | str, together: bool) -> None:
    second, fork = later(ANN), later(ANN, session="again")
    third = later(ANN, of=second)
    with Ledger(where) as ledger:
        ledger.extend(BASE if together else [*BASE, second])
        with pytest.raises(LedgerError, match=f"both replace {FIRST.id}"):
            ledger.extend([second, fork] if together else [fork])
        ledger.extend([third, second])
        ledger.extend([third, second, FIRST])  # again, without harm
        assert list(current_feedback(ledger.feedback())) == [RULING, third]
