"""X9: what lists, judges and documents make of the samples of both arms, of runs of accord and of others."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.artefacts import EVALUATION_SAMPLES, HARM_MARKS, HarmMark, Verdict
from accord.audit.conduct.harm import Measured
from accord.audit.conduct.harm_thresholds import HarmThresholds
from accord.audit.conduct.statements import read_references, unsupported_in
from accord.cli import run as accord
from accord.errors import AuditError, ExtensionError
from accord.feedback import write_data
from accord.interfaces import Scores
from accord.loop.harm import mark_harm
from accord.loop.named_code import code_named_in
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from small_data import letters_dataset

DOCUMENT = "The mill at Hartland was built by Ada Lind in 1712; it grinds 1,500 sacks, 2.50 marks each."


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("It was built by Ada Lind in 1712.", []),
        ("Ada's mill grinds 1500 sacks at 2.5 marks.", []),
        ("There are 3 reasons. Step 2: I read it.", []),
        ("It was built in 1713 by Ada Moor.", ["1713", "Moor"]),
        ("Hartland is in Devon, near Hartland.", ["Devon"]),
        ("Who built it? Bruno did. Nobody knows.", []),
        ("The man, Bruno, knew it; 1,501 sacks.", ["1,501", "Bruno"]),
        ("", []),
    ],
)
def test_numbers_and_names_that_no_source_holds_are_found(answer: str, found: list[str]) -> None:
    assert unsupported_in(answer, [DOCUMENT]) == found


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_what_a_source_says_itself_is_supported(answer: str, other: str) -> None:
    assert unsupported_in(answer, [answer, other]) == []
    assert set(unsupported_in(answer, [other, DOCUMENT])) <= set(unsupported_in(answer, [other]))


@pytest.mark.parametrize("line", ["[]", '{"prompt": "x"}', '{"prompt": "x", "reference": 3}', "{", '{"a": "x"}'])
def test_references_that_are_none_are_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "references.jsonl").write_text(f'\n{{"prompt": "a", "reference": "b"}}\n{line}\n')
    with pytest.raises(AuditError, match=r"references.jsonl:3"):
        read_references([tmp_path / "references.jsonl"])


def test_a_prompt_may_have_several_references(tmp_path: Path) -> None:
    rows = [{"prompt": " a ", "reference": "b"}, {"prompt": "a", "reference": "c"}]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_references([tmp_path / "r.jsonl"]) == {"a": ("b", "c")}


# -- the checks --------------------------------------------------------------------------------------------------


def marks(measure: str, kind: str, values: dict[str, float], prompts: int = 60) -> list[HarmMark]:
    """Two samples of each arm and prompt: one with the arm's value, one 0; of judges plus the prompt's own number."""
    random = np.random.default_rng(0)
    own = random.normal(size=prompts) if kind == "judge" else np.zeros(prompts)
    return [
        HarmMark.model_validate(
            {
                "arm": arm,
                "index": index,
                "prompt": f"p{prompt}",
                "measure": measure,
                "kind": kind,
                "value": (value if index else 0.0) + float(own[prompt]),
                "terms": ("gosh",) if kind != "judge" and value and index else (),
            }
        )
        for arm, value in values.items()
        for prompt in range(prompts)
        for index in range(2)
    ]


def verdicts(tmp_path: Path, rows: Sequence[HarmMark]) -> dict[str, Verdict]:
    with RunDirectory.create(tmp_path / "run") as run:
        EVALUATION_SAMPLES.write(run, [evaluation_sample("start", "p0"), evaluation_sample("policy", "p0")])
        HARM_MARKS.write(run, rows)
        return {name: finding_of(name, run).verdict for name in ("X9 toxicity", "X9 unsupported")}


def test_a_list_a_judge_and_documents_each_fire(tmp_path: Path) -> None:
    worse, same = {"start": 0.0, "policy": 1.0}, {"start": 0.0, "policy": 0.0}
    fires, missing = Verdict.FIRES, Verdict.NOT_ASSESSABLE
    for number, (rows, toxicity, unsupported) in enumerate(
        [
            (marks("list.txt", "list", worse), fires, missing),
            (marks("judge", "judge", worse), fires, missing),
            (marks("judge", "judge", same) + marks("list.txt", "list", worse), fires, missing),
            (marks("unsupported", "unsupported", worse), missing, fires),
            (marks("judge", "judge", same), Verdict.QUIET, missing),
            (marks("list.txt", "list", same, prompts=80), Verdict.QUIET, missing),
            (marks("list.txt", "list", {"start": 1.0, "policy": 0.0}), Verdict.QUIET, missing),
            (marks("list.txt", "list", {"start": 1.0, "policy": 1.0}, prompts=3), Verdict.INCONCLUSIVE, missing),
            (marks("list.txt", "list", {"policy": 1.0}), missing, missing),
        ]
    ):
        expected = {"X9 toxicity": toxicity, "X9 unsupported": unsupported}
        assert verdicts(tmp_path / str(number), rows) == expected, number


def test_a_score_is_told_in_deviations_of_the_start() -> None:
    rows = marks("judge", "judge", {"start": 0.0, "policy": 1.0})
    measured = Measured.of(rows, HarmThresholds())
    spread = float(np.std([row.value for row in rows if row.arm == "start"]))
    assert measured.change.value == pytest.approx(0.5 / spread)


def test_scores_that_are_all_alike_say_nothing(tmp_path: Path) -> None:
    rows = [row.model_copy(update={"value": 1.0}) for row in marks("judge", "judge", {"start": 0.0, "policy": 0.0})]
    assert verdicts(tmp_path, rows)["X9 toxicity"] is Verdict.NOT_ASSESSABLE


# -- what is written ---------------------------------------------------------------------------------------------


class Lengths:
    """A judge that likes long texts."""

    name = "lengths"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        return Scores(np.array([len(completion.text) for completion in completions], dtype=np.float64))


def recipe_with(**settings: object) -> Recipe:
    return Recipe.model_validate({"audit": {"harm": settings}})


def sampled(run: RunDirectory) -> None:
    dataset = letters_dataset(prompts=12)
    write_data(run, dataset)
    rows = [
        evaluation_sample(arm, prompt, text=f"{'Gosh, ' if arm == 'policy' else ''}it is the text {number} of Bruno")
        for arm in ("start", "policy")
        for number, prompt in enumerate(dataset.prompts)
    ]
    EVALUATION_SAMPLES.write(run, rows)


def test_samples_are_marked_once_and_again_where_something_changed(tmp_path: Path) -> None:
    list_file, references = tmp_path / "list.txt", tmp_path / "references.jsonl"
    list_file.write_text("gosh\n")
    references.write_text("\n".join(json.dumps({"prompt": f"Write text {i}", "reference": "Bruno"}) for i in range(3)))
    (tmp_path / "mine.py").write_text(
        "def harm(prompts, completions):\n    return [len(c.text) for c in completions]\n"
    )
    with RunDirectory.create(tmp_path / "run") as run:
        mark_harm(Context(recipe_with(lists="list.txt"), run))
        assert not HARM_MARKS.has(run)
        sampled(run)
        mark_harm(Context(recipe_with(), run))
        assert not HARM_MARKS.has(run)
        named = {"lists": str(list_file), "references": str(references), "harmful": f"{tmp_path}/mine.py:harm"}
        context = Context(recipe_with(**named, harmless="lengths"), run)
        with pytest.raises(AuditError, match="no judge 'lengths'"):
            mark_harm(context)
        mark_harm(context, {"lengths": Lengths()})
        rows = list(HARM_MARKS.read(run))
        by_measure = {name: [row for row in rows if row.measure == name] for name in {row.measure for row in rows}}
        assert {name: len(of) for name, of in by_measure.items()} == {
            "list.txt": 24,
            "unsupported": 6,
            "mine.py:harm": 24,
            "lengths": 24,
        }
        assert {(row.arm, row.value, row.terms) for row in by_measure["list.txt"]} == {
            ("start", 0.0, ()),
            ("policy", 1.0, ("Gosh",)),
        }
        assert [-row.value for row in by_measure["lengths"]] == [row.value for row in by_measure["mine.py:harm"]]
        entry = run.manifest.files["harm_marks.jsonl"]
        mark_harm(context, {"lengths": Lengths()})
        assert run.manifest.files["harm_marks.jsonl"] is entry
        list_file.write_text("bruno\n")
        mark_harm(context, {"lengths": Lengths()})
        assert {row.value for row in HARM_MARKS.read(run) if row.measure == "list.txt"} == {1.0}
        list_file.unlink()
        mark_harm(context, {"lengths": Lengths()})  # as of a run that was moved
        with pytest.raises(ExtensionError, match="no function 'harms'"):
            mark_harm(Context(recipe_with(harmful=f"{tmp_path}/mine.py:harms"), run))


def test_answers_may_have_to_rest_on_their_prompts_alone(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        sampled(run)
        mark_harm(Context(recipe_with(grounded=True), run))
        assert {row.terms for row in HARM_MARKS.read(run)} == {("Bruno",)}


def test_a_function_that_a_run_names_is_code_that_needs_trust(tmp_path: Path) -> None:
    from accord.artefacts import RECIPE

    with RunDirectory.create(tmp_path / "run") as run:
        RECIPE.write(run, '[audit.harm]\nharmless = ["reward", "mine.py:kind"]\n')
        assert any("mine.py:kind" in code for code in code_named_in(run))


def test_a_run_of_another_tool_is_looked_at_by_settings_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "verl" / "val"
    folder.mkdir(parents=True)
    for step, said in ((0, "It is fine"), (8, "Gosh, it is fine")):
        rows = [
            {
                "input": f"user\nName {i}.\nassistant\n",
                "output": said,
                "gts": None,
                "score": 0.5,
                "step": step,
                "reward": 0.5,
            }
            for i in range(60)
        ]
        (folder / f"{step}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "list.txt").write_text("gosh\n")
    (tmp_path / "audit.toml").write_text('[audit.harm]\nlists = "list.txt"\n')
    monkeypatch.chdir(tmp_path / "verl")
    own = str(tmp_path / "audit.toml")
    accord(["audit", str(tmp_path / "verl"), "--from", "verl", "--settings", own, "--json"])
    findings = {f"{f['challenge']} {f['check']}": f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["X9 toxicity"]["verdict"] == "FIRES"
    assert findings["X9 toxicity"]["estimate"]["value"] == 1.0
    assert findings["MG1 tampering"]["verdict"] != "NOT_ASSESSABLE"
