"""kill -9 between and within questions, and several people at once: an item's records are all there, or none is."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_desks import join, lay, opened, pairs, task
from test_desk_kill import killed
from test_several_questions import IN_TURN

from accord.collect import Desk, Person, Task
from accord.feedback import Ledger

KILLS = 8
PEOPLE = 5

SUBMITTING = """
import sys
from accord.collect import Desk, Study, Task
from accord.feedback import Ledger
folder, where, pseudonym = sys.argv[1:]
desk = Desk(Study.load(folder + "/study.toml"), Ledger(where, pooled=True, timeout=60))
forms = {"better": {"preferred": "left"}, "honest": {"value": "3"}, "fixed": {"text": "better"}}
print("ready", flush=True)
while isinstance(current := desk.next(pseudonym), Task):
    name = current.question.name
    receipt = desk.submit(pseudonym, current.reservation, {"question": name, **forms[name]})
    print(current.reservation, receipt.feedback or name, flush=True)
"""


def by_item(ledger: Ledger) -> dict[tuple[str, str], set[str]]:
    """Which questions each person answered of each item."""
    answered: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in ledger.feedback():
        answered[record.evaluator, record.prompt].add((record.study or "").rpartition(".")[2])
    return answered


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_leaves_no_item_in_parts(tmp_path: Path) -> None:
    study, where = lay(tmp_path, pairs(2000), questions=IN_TURN, session_items=100_000), tmp_path / "l.db"
    with Ledger(where) as ledger:
        desk = opened(study, ledger)
        anna = join(desk)
        steps: dict[str, list[str]] = defaultdict(list)
        for kill in range(KILLS):
            for reservation, said in killed(SUBMITTING, [str(tmp_path), str(where), anna.pseudonym], kill):
                steps[reservation].append(said)
            assert all(names == {"better", "honest", "fixed"} for names in by_item(ledger).values())
            current = task(desk, anna)
            assert len(current.earlier) >= len([said for said in steps[current.reservation] if said in names_of(desk)])
        assert by_item(ledger)


def names_of(desk: Desk) -> set[str]:
    return {question.name for question in desk.study.questions}


def test_people_at_once(tmp_path: Path) -> None:
    study = lay(tmp_path, pairs(6), questions=IN_TURN, overlap=2)
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(study, ledger)
        people = [join(desk) for _ in range(PEOPLE)]
        with ThreadPoolExecutor(PEOPLE) as threads:
            list(threads.map(lambda person: work(desk, person), people))
        answered = by_item(ledger)
        assert len(answered) == 12, "no item of more people than its overlap"
        assert all(names == {"better", "honest", "fixed"} for names in answered.values())
        assert desk.progress().answers == desk.progress().target == 12


def work(desk: Desk, person: Person) -> None:
    forms = {"better": {"preferred": "left"}, "honest": {"value": "3"}, "fixed": {"text": "better"}}
    while isinstance(current := desk.next(person), Task):
        form = {"question": current.question.name, **forms[current.question.name]}
        assert desk.submit(person, current.reservation, form) == desk.submit(person, current.reservation, form)
