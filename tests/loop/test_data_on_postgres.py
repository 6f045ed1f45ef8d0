"""The data stage, the audit's reading and the verbs on a ledger that is a PostgreSQL database."""

import json
from pathlib import Path

import pytest
from test_drive import write_ledger
from tools.postgres_cluster import Cluster

from accord.audit.evidence import Evidence
from accord.cli import run as accord
from accord.errors import MissingEvidence
from accord.feedback import Ledger, draw_dataset, write_data
from accord.feedback.formats import accord_jsonl
from accord.run import RunDirectory

pytestmark = pytest.mark.slow
SECRET = "hunter2-hunter2"
RECIPE = """
[data]
ledger = "{url}"
source = "letters.jsonl"
format = "accord_jsonl"
train = 0.4
eval_reward = 0.4
held_out = 0.2
"""


@pytest.fixture
def url(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database that asks for a password, which libpq takes from the environment."""
    postgres.role("judith", f"SUPERUSER PASSWORD '{SECRET}'")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    database = postgres.database().partition("@/")[2].partition("?")[0]
    return postgres.url_by_tcp(database, "judith")


@pytest.fixture
def recipe(tmp_path: Path, url: str) -> Path:
    with_sqlite = tmp_path / "letters.db"
    write_ledger(with_sqlite)
    with Ledger(with_sqlite, write=False) as ledger:
        accord_jsonl.write(ledger, tmp_path / "letters.jsonl")
    file = tmp_path / "letters.toml"
    file.write_text(RECIPE.format(url=url))
    return file


def test_the_data_stage_is_the_same_as_from_a_file(
    recipe: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert accord(["check", str(recipe)]) == 0
    assert accord(["run", str(recipe), "--only", "data", "--out", "there"]) == 0
    assert accord(["run", str(recipe), "--only", "data", "--out", "here", "--data.ledger", "other.db"]) == 0
    assert accord(["check", "there/recipe.toml"]) == 0
    assert not list(tmp_path.glob("postgresql*"))
    said = capsys.readouterr()
    assert url in said.out
    with RunDirectory.open("there", write=False) as there, RunDirectory.open("here", write=False) as here:
        names = [name for name in there.manifest.files if name.startswith("data/")]
        assert "data/pairs-train.jsonl" in names
        assert {name: there.read_bytes(name) for name in names} == {name: here.read_bytes(name) for name in names}
        recorded, by_file = there.manifest.inputs["ledger"], here.manifest.inputs["ledger"]
        assert recorded.url == url
        assert recorded.digest == by_file.digest
        assert by_file.path == "../other.db"
        assert list(Evidence(there).ledger_feedback) == list(Evidence(here).ledger_feedback)
    written = [file for file in Path("there").rglob("*") if file.is_file()]
    assert all(SECRET.encode() not in file.read_bytes() for file in written)
    assert SECRET not in said.out + said.err


def test_a_password_in_a_url_reaches_no_manifest(recipe: Path, url: str, tmp_path: Path) -> None:
    with Ledger(url.replace("judith@", f"judith:{SECRET}@")) as ledger:
        with Ledger(tmp_path / "letters.db", write=False) as source:
            ledger.extend(source.records())
        with RunDirectory.create(tmp_path / "run") as run:
            write_data(run, draw_dataset(ledger), ledger=ledger)
    manifest = (tmp_path / "run" / "manifest.json").read_text()
    assert json.loads(manifest)["inputs"]["ledger"]["url"] == url
    assert SECRET not in manifest


def test_a_server_that_has_gone_is_named_by_the_audit(
    recipe: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert accord(["run", str(recipe), "--only", "data", "--out", "there", "--quiet"]) == 0
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with (
        RunDirectory.open("there", write=False) as run,
        pytest.raises(MissingEvidence, match="password authentication failed"),
    ):
        _ = Evidence(run).ledger_feedback
    capsys.readouterr()
    recipe.write_text(f'[data]\nledger = "{url}"\n')
    assert accord(["check", str(recipe)]) == 2
    assert "password authentication failed" in capsys.readouterr().out
