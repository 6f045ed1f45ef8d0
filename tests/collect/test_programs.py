"""Programs asked the items of a study: what they say is kept, what they do is stopped, and the next item goes on."""

from pathlib import Path
from typing import Any

import pytest
from small_desks import lay, pairs

from accord.collect import Study
from accord.collect.sources.answering import Answerer
from accord.collect.sources.asking import AskCounts, Asking
from accord.collect.sources.programs import open_program
from accord.collect.sources.study_items import items_of
from accord.errors import ExtensionError, StorageError, StudyError
from accord.feedback import Ledger, draw_pairs
from accord.records import Comparison, Declined, Feedback

JUDGE = """
import os
import time

def shorter(item):
    '''The shorter one; item 2 is answered by what no judge does.'''
    left, right = (len(answer["text"]) for answer in item["completions"])
    if "2" in item["prompt"]["messages"][-1]["content"]:
        misdeed()
    if left == right:
        return {"kind": "comparison", "preferred": "tie"}
    return {"kind": "comparison", "preferred": "left" if left < right else "right"}

def misdeed():
    pass
"""


def asked(study: Study, answerer: Answerer, ledger: Ledger, **more: Any) -> tuple[AskCounts, list[Feedback]]:
    counts = Asking(study, items_of(study, ledger), answerer, ledger, **more).run()
    return counts, list(ledger.feedback())


def program(folder: Path, study: Study, text: str = JUDGE, name: str = "shorter") -> Answerer:
    path = folder / "judge.py"
    path.write_text(text)
    return open_program(f"{path}:{name}", study.question)


def test_a_program_judges_a_study_and_its_answers_become_pairs(tmp_path: Path) -> None:
    study = lay(tmp_path, pairs(4))
    answerer = program(tmp_path, study)
    with Ledger(tmp_path / "l.db") as ledger:
        counts, feedback = asked(study, answerer, ledger)
        sample = draw_pairs(ledger)
        texts = {name: text.text for name, text in ledger.completions().items()}
        assert asked(study, program(tmp_path, study), ledger, resume=True)[0].before == 4
        other = program(tmp_path, study, JUDGE.replace("<", ">"))
        assert asked(study, other, ledger, resume=True)[0].before == 0, "another program is another evaluator"
    assert (counts.answered, counts.declined, len(feedback)) == (4, 0, 8), "both orders are asked"
    assert [texts[pair.chosen].partition(" ")[0] for pair in sample.pairs] == ["bad"] * 4
    assert answerer.evaluator.kind == "rule"
    assert answerer.evaluator.pseudonym == "program:judge.py:shorter"
    assert len((answerer.evaluator.attributes or {})["source"]) == 64


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("open('/etc/shadow').read(); import socket; socket.socket()", "no answer of the program: "),
        ("os.fork()", "no answer of the program: stopped: it began a process"),
        ("os._exit(0)", "no answer of the program: it ended without an answer (status 0)"),
        ("raise ValueError('what now')", "no answer of the program: ValueError: what now"),
    ],
)
def test_what_misbehaves_on_one_item_is_declined_and_the_others_are_judged(
    tmp_path: Path, deed: str, reason: str
) -> None:
    study = lay(tmp_path, pairs(4))
    answerer = program(tmp_path, study, JUDGE.replace("    pass", f"    {deed}"))
    with Ledger(tmp_path / "l.db") as ledger:
        counts, feedback = asked(study, answerer, ledger)
        assert len(draw_pairs(ledger).pairs) == 3
    assert (counts.answered, counts.declined, counts.failed) == (3, 1, 0)
    declined = [each.judgement for each in feedback if isinstance(each.judgement, Declined)]
    assert len(declined) == 2
    assert all((each.reason or "").startswith(reason) for each in declined)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("'left'", "no judgement: "),
        ("None", "no judgement: "),
        (
            "{'kind': 'comparison', 'preferred': 'both'}",
            "no judgement: preferred 'both' is not one of left, right, tie",
        ),
        ("{'kind': 'comparisons'}", "no judgement: "),
        ("{'kind': 'rating', 'value': float('nan'), 'scale': {'low': 0, 'high': 1}}", "no judgement: "),
        ("{'kind': 'declined', 'reason': '\\ud800'}", "no answer of the program: what it answered holds half a"),
        ("{'kind': 'rating', 'value': 1, 'scale': {'low': 0, 'high': 1}}", "no answer that this study offers: "),
    ],
)
def test_what_is_no_answer_is_declined_never_a_tie(tmp_path: Path, value: str, reason: str) -> None:
    study = lay(tmp_path, pairs(1))
    answerer = program(tmp_path, study, f"def f(item): return {value}", "f")
    with Ledger(tmp_path / "l.db") as ledger:
        _, feedback = asked(study, answerer, ledger)
    assert len(feedback) == 2
    for each in feedback:
        assert isinstance(each.judgement, Declined)
        assert (each.judgement.reason or "").startswith(reason), each.judgement


def test_a_ready_verdict_judges_by_the_reference_of_each_item_or_of_the_study(tmp_path: Path) -> None:
    items = [{"prompt": f"{n} + 1?", "completions": [f"It is {n + 1}.", f"It is {n}."]} for n in range(3)]
    items[0]["reference"] = {"answer": 1}
    items[1]["reference"] = "#### 2"
    study = lay(tmp_path, items, reference={"answer": "2"})
    with Ledger(tmp_path / "l.db") as ledger:
        counts, feedback = asked(study, open_program("arithmetic", study.question), ledger)
        texts = {name: text.text for name, text in ledger.completions().items()}
        chosen = {texts[pair.chosen] for pair in draw_pairs(ledger).pairs}
    assert (counts.answered, len(feedback)) == (3, 3), "an order that cannot matter is asked once"
    assert chosen == {"It is 1.", "It is 2."}
    assert all(isinstance(each.judgement, Comparison) and each.judgement.scores for each in feedback)


def test_what_names_no_program_is_refused(tmp_path: Path) -> None:
    study = lay(tmp_path)
    (tmp_path / "broken.py").write_text("def f(item) return")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'")
    (tmp_path / "deep.py").write_text("x = " + "-" * 100_000 + "1")
    with pytest.raises(StudyError, match=r"write program:FILE\.py:NAME, or one of the ready verdicts"):
        open_program("aritmetic", study.question)
    with pytest.raises(ExtensionError, match=r"judge.py: defines no 'shortr'; did you mean 'shorter'\?"):
        program(tmp_path, study, name="shortr")
    for name in ("broken.py", "latin.py", "deep.py"):
        with pytest.raises(ExtensionError, match="no Python that can be read"):
            open_program(f"{tmp_path / name}:f", study.question)
    with pytest.raises(StorageError, match="no such file"):
        open_program(f"{tmp_path}/nowhere.py:f", study.question)
    with pytest.raises(StudyError, match="a correction needs somebody else"):
        open_program("unit_tests", lay(tmp_path, question={"kind": "correction"}).question)
