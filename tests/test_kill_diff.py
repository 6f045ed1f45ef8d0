"""What a run that was killed may differ in, and that whatever else is planted in one is found."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tools.kill_diff import differences
from tools.kill_sound import unsound

from accord.feedback import Ledger
from accord.recipe import load
from accord.records import Comparison, Feedback, Record
from rounds_run import make_rounds, write_recipe

Change = Callable[[Path], object]
LAST = "rounds/02"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs of two rounds, alike but for when their second round was asked."""
    folder = tmp_path_factory.mktemp("kills")
    make_rounds(write_recipe(folder / "first/recipe", rounds="1"), folder / "first/run")
    for name in ("one", "other"):
        shutil.copytree(folder / "first", folder / name)
        make_rounds(load(folder / name / "recipe/recipe.toml", {"loop.rounds": "2"}), folder / name / "run")
    return folder / "one/run", folder / "other/run"


@pytest.fixture
def spoilt(both: tuple[Path, Path], tmp_path: Path) -> Callable[[Change], list[str]]:
    """What is found in a copy of the second run after a change, beside the first."""
    one, other = both

    def find(change: Change) -> list[str]:
        copy = tmp_path / other.parent.name
        shutil.copytree(other.parent, copy)
        for file in copy.rglob("recipe.toml"):
            file.write_text(file.read_text().replace(str(other.parent), str(copy)))
        for folder in (copy / "run", *copy.glob("run/rounds/*")):
            _enter(folder, "recipe.toml")
        change(copy / "run")
        return [*differences(one, copy / "run"), *unsound(copy / "run")]

    return find


def test_times_of_answers_their_ids_and_digests_on_them_are_no_difference(both: tuple[Path, Path]) -> None:
    one, other = both
    texts = [(path / LAST / "data/feedback-train.jsonl").read_text() for path in both]
    assert texts[0] != texts[1]
    digests = [[row["digest"] for row in json.loads((path / "rounds.json").read_text())["rounds"]] for path in both]
    assert digests[0][0] == digests[1][0]
    assert digests[0][1] != digests[1][1]
    assert list(differences(one, other)) == []
    assert [*unsound(one), *unsound(other)] == []


def test_a_copy_that_nobody_spoilt_is_the_same(spoilt: Callable[[Change], list[str]]) -> None:
    assert spoilt(lambda run: None) == []


# -- files -------------------------------------------------------------------------------------------------------------


def _enter(folder: Path, name: str) -> None:
    """Make a file's entry in the manifest that of what it holds now, as a run would that wrote it."""
    content = (folder / name).read_bytes()
    _edit(
        folder / "manifest.json",
        lambda manifest: manifest["files"][name].update(sha256=sha256(content).hexdigest(), bytes=len(content)),
    )


def _edit(file: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content, indent=1) + "\n")


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _weight(run: Path) -> None:
    _flip(run / LAST / "policy/model/model.safetensors")
    _enter(run / LAST, "policy/model/model.safetensors")


def _row_of(name: str, which: Callable[[dict[str, Any]], bool], **fields: Any) -> Change:
    """Change fields of the first row for which something holds, and enter the file as if it had been written so."""

    def change(run: Path) -> None:
        file = run / LAST / name
        lines = file.read_text().splitlines()
        index = next(index for index, line in enumerate(lines) if which(json.loads(line)))
        lines[index] = json.dumps({**json.loads(lines[index]), **fields}, separators=(",", ":"))
        file.write_text("\n".join(lines) + "\n")
        _enter(run / LAST, name)

    return change


def _asked(row: dict[str, Any]) -> bool:
    return row.get("round") is not None


FEEDBACK = "data/feedback-train.jsonl"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_weight, f"{LAST}: policy/model/model.safetensors: other bytes"),
        (
            lambda run: _flip(run / LAST / "policy/model/model.safetensors"),
            f"{LAST}: policy/model/model.safetensors: differs from its digest in the manifest",
        ),
        (
            lambda run: (run / LAST / "policy/samples.jsonl").write_text("{"),
            f"{LAST}: policy/samples.jsonl: differs from its digest in the manifest (altered or half written)",
        ),
        (lambda run: (run / LAST / "policy/model.part").mkdir(), f"{LAST}: policy/model.part: left behind"),
        (lambda run: (run / LAST / "policy/x").write_text(""), f"{LAST}: policy/x: not in the manifest"),
        (
            lambda run: (run / LAST / ".checkpoints/policy").mkdir(parents=True),
            f"{LAST}: .checkpoints/policy: left behind",
        ),
        (_row_of(FEEDBACK, _asked, shown_digest="0"), f"{LAST}: {FEEDBACK}: "),
        (_row_of(FEEDBACK, _asked, round=3), f"{LAST}: {FEEDBACK}: "),
        (
            _row_of(FEEDBACK, lambda row: not _asked(row), time="2026-01-01T00:00:00Z"),
            f"{LAST}: {FEEDBACK}: ",
        ),
        (_row_of("data/pairs-train.jsonl", lambda row: True, weight=2.0), f"{LAST}: data/pairs-train.jsonl: other"),
        (
            lambda run: _edit(
                run / LAST / "manifest.json", lambda manifest: manifest["stages"]["policy"].update(basis="0" * 16)
            ),
            f"{LAST}: manifest.json stages.policy.basis: not the digest of the files that it builds on",
        ),
        (
            lambda run: _edit(
                run / "rounds/01/manifest.json", lambda manifest: manifest["stages"]["policy"].update(basis="0" * 16)
            ),
            "rounds/01: manifest.json stages: policy.basis was ",
        ),
        (
            lambda run: _edit(
                run / LAST / "manifest.json", lambda manifest: manifest["inputs"]["ledger"].update(rows=1)
            ),
            f"{LAST}: manifest.json inputs.ledger: not what the ledger holds up to row ",
        ),
        (
            lambda run: _edit(run / LAST / "manifest.json", lambda manifest: manifest.update(parents=["0" * 16])),
            f"{LAST}/manifest.json parents: not the digest of the round before",
        ),
        (
            lambda run: (
                _edit(run / "rounds.json", lambda rounds: rounds["rounds"][1].update(digest="0" * 16)),
                _enter(run, "rounds.json"),
            ),
            "rounds.json: the digest of round 2 is not that of its files",
        ),
        (
            lambda run: (
                _edit(run / "rounds.json", lambda rounds: rounds["rounds"][1].update(labels=11)),
                _enter(run, "rounds.json"),
            ),
            "rounds.json: round 2 tells of 11 labels, 12 in all; the ledger holds 12, 12 in all",
        ),
        (lambda run: shutil.rmtree(run / LAST), f"{LAST}: not in run"),
        (lambda run: shutil.rmtree(run / LAST), f"{LAST}: not there, though rounds.json tells of it"),
        (lambda run: (run / "rounds.json").write_text("{"), "not to be read: "),
        (lambda run: (run / "rounds.json").write_text("{"), "rounds.json: differs from its digest in the manifest"),
    ],
)
def test_what_is_planted_in_a_run_is_found(change: Change, found: str, spoilt: Callable[[Change], list[str]]) -> None:
    lines = spoilt(change)
    assert any(line.startswith(found) for line in lines), lines


def test_answers_whose_ids_changed_places_are_found(spoilt: Callable[[Change], list[str]]) -> None:
    def swap(run: Path) -> None:
        file = run / LAST / "data/pairs-train.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        ids = [row["feedback_ids"][0] for row in rows[-2:]]
        text = file.read_text().replace(ids[0], "x").replace(ids[1], ids[0]).replace("x", ids[1])
        assert ids[0] != ids[1]
        file.write_text(text)
        _enter(run / LAST, "data/pairs-train.jsonl")

    assert f"{LAST}: data/pairs-train.jsonl: other bytes" in spoilt(swap)


# -- the ledger --------------------------------------------------------------------------------------------------------


def _rewritten(change: Callable[[list[Feedback]], list[Feedback]]) -> Change:
    """Put another ledger in the place of a run's, with other answers."""

    def rewrite(run: Path) -> None:
        file = run.parent / "recipe/feedback.db"
        with Ledger(file, write=False) as ledger:
            others: list[Record] = [
                *ledger.prompts().values(),
                *ledger.evaluators().values(),
                *ledger.completions().values(),
            ]
            answers = list(ledger.feedback())
        for each in file.parent.glob("feedback.db*"):
            each.unlink()
        with Ledger(file) as ledger:
            ledger.extend([*others])
            ledger.extend(change(answers))

    return rewrite


def _with_another_answer(answers: list[Feedback]) -> list[Feedback]:
    *before, last = answers
    assert isinstance(last.judgement, Comparison)
    other = Comparison(preferred="left" if last.judgement.preferred == "right" else "right")
    return [*before, last.model_copy(update={"judgement": other})]


def _given_twice(answers: list[Feedback]) -> list[Feedback]:
    first = next(each for each in answers if each.round is not None and each.repeat_of is None)
    assert first.time is not None
    return [*answers, first.model_copy(update={"time": first.time + timedelta(seconds=1)})]


def _read_twice(answers: list[Feedback]) -> list[Feedback]:
    second = answers[-1]
    assert second.time is not None
    assert second.repeat_of is not None
    return [*answers, second.model_copy(update={"time": second.time + timedelta(seconds=1)})]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_with_another_answer, "ledger feedback row 60: judgement.preferred was "),
        (lambda answers: answers[:-2], "ledger feedback: 60 and 58 rows"),
        (lambda answers: answers[:-2], "rounds.json: round 2 tells of 12 labels, 12 in all; the ledger holds 11, 11"),
        (_given_twice, "ledger: e-"),
        (_given_twice, "rounds.json: round 2 tells of 12 labels, 12 in all; the ledger holds 13, 13"),
        (_read_twice, "ledger: e-"),
        (lambda answers: [*answers[:-4], *answers[-2:], *answers[-4:-2]], "ledger feedback row 57: "),
    ],
)
def test_what_is_planted_in_a_ledger_is_found(
    change: Callable[[list[Feedback]], list[Feedback]], found: str, spoilt: Callable[[Change], list[str]]
) -> None:
    lines = spoilt(_rewritten(change))
    assert any(line.startswith(found) for line in lines), lines
    if found == "ledger: e-":
        assert any(" was asked twice about c-" in line for line in lines)
