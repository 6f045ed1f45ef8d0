"""`accord disclose` from the command line: written, printed, filled in, and never by another run's statements."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from accord.cli import run
from accord.lab.planted import plant
from accord.report.disclosure.registry import ITEMS
from accord.run import RunDirectory

STATED = '[systemic.audits]\nsigned_by = "Ada Writer"\ndate = 2026-01-31\ntext = "Nobody looked yet."\npublic = true\n'


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run without models, audit or recipe."""
    with plant(tmp_path_factory.mktemp("planted") / "run", checks=[]) as opened:
        return opened.path


@pytest.fixture
def own(planted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted, tmp_path / "run"))


@pytest.fixture
def statements(tmp_path: Path) -> Path:
    file = tmp_path / "said.toml"
    file.write_text(STATED)
    return file


def test_what_is_written_is_named(own: Path, statements: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = own.parent / "README.md"
    assert run(["disclose", str(own), "--statements", str(statements), "--model-card", str(card)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line[16:] for line in said[:12]] == [f"{item.number:>2}. {item.title}" for item in ITEMS]
    assert said[12].startswith("0 of 12 items are complete")
    assert said[13:] == [*(str(own / f"disclosure.{end}") for end in ("json", "md", "html")), str(card)]
    assert "Nobody looked yet" in card.read_text()
    assert (own / "disclosure.toml").read_text() == STATED
    assert run(["verify", str(own)]) == 0
    assert run(["report", str(own)]) == 0


def test_the_redacted_version_lies_in_a_folder_of_its_own(
    own: Path, statements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["disclose", str(own), "--statements", str(statements), "--redact", "--json"]) == 0
    said = capsys.readouterr().out
    content = json.loads(said)
    assert content["redacted"] is True
    assert not (own / "disclosure.html").exists()
    assert sorted(path.name for path in (own / "redacted").iterdir()) == [
        "disclosure.html",
        "disclosure.json",
        "disclosure.md",
    ]
    assert "Nobody looked yet." in said


def test_a_template_that_nobody_filled_in_states_nothing(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(own.rglob("*"))
    assert run(["disclose", str(own), "--template"]) == 0
    text = capsys.readouterr().out
    assert sorted(own.rglob("*")) == before
    content = tomllib.loads(text)
    assert [f"{group}.{item}" for group, items in content.items() for item in items] == [item.name for item in ITEMS]
    assert "The records of the run say:" in text
    assert all(len(line) <= 130 for line in text.splitlines())
    (own.parent / "empty.toml").write_text(text)
    assert run(["disclose", str(own), "--statements", str(own.parent / "empty.toml"), "--json"]) == 0
    disclosure = json.loads(capsys.readouterr().out)
    assert not [field for item in disclosure["items"] for field in item["fields"] if "signed_by" in field]
    assert not [remark for item in disclosure["items"] for remark in item["remarks"]]


def test_a_template_with_every_key_uncommented_and_filled_is_read(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["disclose", str(own), "--template"])
    text = capsys.readouterr().out.replace('"""\n"""', '"Ada"')
    lines = []
    for line in text.splitlines():
        shown = re.sub(r"^# (\w+ = [\d.]+)", r"\1", line)  # an example of a number
        lines.append(shown if shown.startswith(("#", "date", "currency")) else shown.replace('= ""', '= "Ada"'))
    text = "\n".join(lines).replace('date = ""', "date = 2026-01-31")
    file = own.parent / "full.toml"
    file.write_text(text.replace('currency = ""', 'currency = "EUR"'))
    assert run(["disclose", str(own), "--statements", str(file), "--json"]) == 0
    disclosure = json.loads(capsys.readouterr().out)
    assert disclosure["complete"] == 12, disclosure["items_by_status"]


@pytest.mark.parametrize("option", [["--redact"], ["--json"], ["--model-card", "x"], ["--statements", "x"]])
def test_a_template_takes_no_other_option(own: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["disclose", str(own), "--template", *option]) == 2
    assert "leave the other options out" in capsys.readouterr().err


def test_statements_that_cannot_be_read_change_nothing(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own.parent / "said.toml"
    file.write_text("[systemic.audit]\n")
    before = sorted(own.rglob("*"))
    assert run(["disclose", str(own), "--statements", str(file)]) == 2
    assert "systemic.audit: no such item; did you mean 'audits'?" in capsys.readouterr().err
    assert run(["disclose", str(own), "--statements", str(own.parent / "none.toml")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert run(["disclose", str(own), "--statements", str(own)]) == 2
    assert "a folder, not a file" in capsys.readouterr().err
    assert sorted(own.rglob("*")) == before
    assert run(["disclose", str(own.parent / "nowhere")]) == 2


def test_statements_that_a_run_names_are_read_when_it_is_trusted(
    own: Path, statements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunDirectory.open(own) as opened:
        opened.write_text("recipe.toml", f'[disclosure]\nstatements = "{statements}"\n', stage="recipe")
    assert run(["disclose", str(own)]) == 2
    assert "say --trust-run or --statements FILE" in capsys.readouterr().err
    assert run(["disclose", str(own), "--trust-run"]) == 0
    assert "Nobody looked yet" in (own / "disclosure.md").read_text()
    statements.unlink()
    assert run(["disclose", str(own)]) == 0  # what lies in the run
    assert run(["disclose", str(own), "--trust-run"]) == 2


def test_a_recipe_names_statements_from_its_own_folder(tmp_path: Path) -> None:
    from accord import recipe

    file = tmp_path / "recipe.toml"
    file.write_text('[disclosure]\nstatements = "said.toml"\n')
    loaded = recipe.load(file)
    assert loaded.disclosure is not None
    assert loaded.disclosure.statements == str(tmp_path / "said.toml")
    assert recipe.parse(recipe.dump(loaded)) == loaded
    assert recipe.load(file, {"disclosure.statements": "other.toml"}).disclosure != loaded.disclosure
