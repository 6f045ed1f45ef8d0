"""What a finding rests on is shown as texts and names; an id whose row is not there stays an id."""

from pathlib import Path

import numpy as np
import pytest

from accord.artefacts import QUESTION_ANSWERS, Finding, QuestionAnswer, RunReader, Verdict, feedback_of
from accord.artefacts.finding import IdList
from accord.errors import ArtefactError
from accord.feedback import write_data
from accord.records import Comparison, Feedback
from accord.report.finding_rows import SHOWN, FindingRows, RowsReader
from accord.run import RunDirectory
from small_data import letters_dataset


def finding(**ids: list[str]) -> Finding:
    return Finding(
        challenge="OV1",
        check="time",
        claim="There was time.",
        verdict=Verdict.NOT_ASSESSABLE,
        threshold="",
        result="",
        needs="more",
        ids={kind: IdList.of(some) for kind, some in ids.items()},
    )


def rows_of(run: RunDirectory, **ids: list[str]) -> dict[str, FindingRows]:
    one = finding(**ids)
    return {rows.kind: rows for rows in RowsReader(RunReader.of(run), [one]).of(one)}


def test_texts_and_names_stand_beside_ids(tmp_path: Path) -> None:
    data = letters_dataset()
    completions, evaluators = list(data.completions), list(data.evaluators)
    first = data.completions[completions[0]]
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, data)
        rows = rows_of(run, completions=completions, evaluators=evaluators[:2], prompts=[first.prompt])
    assert rows["completions"].texts[0] == (data.prompts[first.prompt].text, first.text)
    assert len(rows["completions"].texts) == SHOWN
    assert (rows["completions"].count, rows["completions"].unlisted) == (72, 22)
    assert rows["evaluators"].texts[0] == ("", data.evaluators[evaluators[0]].pseudonym)
    assert rows["prompts"].texts == (("", data.prompts[first.prompt].text),)


def test_questions_have_their_text_and_options(tmp_path: Path) -> None:
    answer = QuestionAnswer(
        arm="policy",
        question="size",
        text="How large?",
        options=("small", "large"),
        shown=(0, 1),
        logprobs=tuple(np.log([0.5, 0.5]).tolist()),
    )
    with RunDirectory.create(tmp_path / "run") as run:
        QUESTION_ANSWERS.write(run, [answer])
        assert rows_of(run, questions=["size"])["questions"].texts == (("How large?", "small / large"),)


def test_what_the_run_does_not_hold_is_an_id(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        rows = rows_of(run, completions=["c-1"], evaluators=["e-1"], feedback=["f-1"], questions=["q"], words=["gosh"])
    assert all(of_kind.texts == () for of_kind in rows.values())
    assert rows["words"].ids == ("gosh",)


def test_long_texts_are_cut_and_controls_do_not_stand_in_a_page(tmp_path: Path) -> None:
    data = letters_dataset()
    name = next(iter(data.completions))
    text = "a\x1bgosh\n" + "word " * 200
    data.completions[name] = data.completions[name].model_copy(update={"text": text})
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, data)
        held = finding(completions=[next(iter(RunReader.of(run).completions))])
        ((_, shown),) = RowsReader(RunReader.of(run), [held]).of(held)[0].texts
    assert len(shown) <= 240
    assert "\x1b" not in shown


def test_what_was_said_is_read_by_its_ids_alone(tmp_path: Path) -> None:
    data = letters_dataset()
    said = [
        Feedback(
            evaluator=pair.evaluator,
            prompt=pair.prompt,
            completions=(pair.chosen, pair.rejected),
            judgement=Comparison(preferred="left"),
        )
        for pair in data.pairs["train"][:3]
    ]
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, data)
        feedback_of("train").write(run, said)
        who = data.evaluators[said[1].evaluator].pseudonym
        texts = " | ".join(data.completions[name].text for name in said[1].completions)
        assert rows_of(run, feedback=[said[1].id, "f-none"])["feedback"].texts == ((who, texts),)


def test_a_line_that_is_no_object_is_refused_whoever_is_asked_for(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_text("data/feedback-train.jsonl", "[1]\n", stage="data")
        with pytest.raises(ArtefactError, match=r"feedback-train\.jsonl:1"):
            rows_of(run, feedback=["f-1"])
