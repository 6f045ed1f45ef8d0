"""Runs that are there, from the command line: verified, read without a lock, and never given their own way."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from accord.cli import run
from accord.lab.planted import plant
from accord.run import InputEntry, RunDirectory
from forked import TRAINING, finished

EXECUTED = """from pathlib import Path

Path("{place}").write_text("executed")


def score(prompts, completions):
    return [0.0] * len(completions)
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run without models."""
    with plant(tmp_path_factory.mktemp("planted") / "run") as opened:
        return opened.path


@pytest.fixture
def own(planted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted, tmp_path / "run"))


def with_recipe(path: Path, text: str) -> None:
    with RunDirectory.open(path) as opened:
        opened.write_text("recipe.toml", text, stage="recipe")


def files(path: Path) -> dict[str, tuple[int, int]]:
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in path.rglob("*")}


def test_verify_says_what_is_damaged_and_which_stage_makes_it_again(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(own)
    assert run(["verify", str(own)]) == 0
    assert "all as they were written" in capsys.readouterr().out
    assert files(own) == before
    (own / "evaluation/samples.jsonl").write_text("{}\n")
    (own / "reward/scores.jsonl").unlink()
    (own / "extra").write_text("")
    assert run(["verify", str(own)]) == 2
    said = capsys.readouterr()
    assert {line.partition(":")[0] for line in said.out.splitlines()} == {
        "evaluation/samples.jsonl",
        "reward/scores.jsonl",
        "extra",
    }
    assert said.err.count("\n") == 1
    assert run(["verify", str(own), "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["damages"]) == 3


def test_audit_and_report_look_at_every_file(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also at one that no check and no line of the page reads."""
    with RunDirectory.open(own) as opened:
        opened.write_text("policy/value/head.safetensors", "weights", stage="policy")
    (own / "policy/value/head.safetensors").write_text("wEights")
    for verb in (["audit"], ["audit", "--only", "RG2"], ["report"]):
        assert run([*verb, str(own)]) == 2
        assert "head.safetensors: differs from its digest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "named"),
    [
        ('extensions = ["{mine}"]\n', "extensions = "),
        ('[reward]\nkind = "python"\npath = "{mine}:score"\n', "reward.path = "),
        ('[rewards.brief]\nkind = "python"\npath = "{mine}:score"\n', "rewards.brief.path = "),
        ('[evaluate.judge]\nkind = "python"\npath = "{mine}:score"\n', "evaluate.judge.path = "),
        ('[sft]\nbase = "tiny"\ntrust_remote_code = true\n', "sft.trust_remote_code = true"),
    ],
)
def test_code_that_a_run_names_is_executed_only_where_it_is_trusted(
    recipe: str, named: str, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(EXECUTED.format(place=tmp_path / "executed"))
    with_recipe(own, recipe.format(mine=tmp_path / "mine.py"))
    with RunDirectory.open(own) as opened:
        opened.record_input("reward: mine.py", InputEntry("0"))
        del opened.manifest.files["evaluation/evaluation.json"]
        opened.record_input("x", InputEntry("0"))
    for verb in (["audit"], ["audit", "--only", "RG2"], ["evaluate"]):
        assert run([*verb, str(own)]) == 2
        said = capsys.readouterr().err
        assert named in said
        assert "--trust-run" in said
    run(["verify", str(own)])
    run(["report", str(own)])
    run(["compare", str(own), str(own)])
    assert not (tmp_path / "executed").exists()
    run(["audit", str(own), "--only", "RG2", "--trust-run"])
    assert (tmp_path / "executed").exists() == recipe.startswith(("extensions", "[reward]"))


def test_a_database_that_a_run_names_is_spoken_to_only_where_it_is_trusted(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunDirectory.open(own) as opened:
        opened.record_input("ledger", InputEntry("0", url="postgresql://elsewhere.invalid/people"))
    run(["audit", str(own), "--only", "OV1", "--json"])
    needs = [each["needs"] for each in json.loads(capsys.readouterr().out)["findings"]]
    assert any("--trust-run opens it" in str(need) for need in needs)


def test_what_is_only_read_needs_no_lock_and_writes_nothing(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunDirectory.open(own):  # as a run that goes on holds it
        before = files(own)
        for verb in (["evaluate", "--json"], ["audit", "--only", "RG2", "--json"], ["verify"], ["compare", str(own)]):
            assert run([*verb, str(own)]) in {0, 1}
        assert files(own) == before
        capsys.readouterr()
        assert run(["audit", str(own)]) == 2
        assert "another process is working on this run" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_run_that_belongs_to_somebody_else_can_be_read(own: Path) -> None:
    """As a user who may read it and not write there."""
    verbs = ((["evaluate"], {0}), (["audit", "--only", "RG2"], {0, 1}), (["verify"], {0}), (["report"], {2}))
    with TemporaryDirectory() as folder:
        shared = Path(shutil.copytree(own, Path(folder) / "run"))
        for path in (Path(folder), *shared.rglob("*"), shared):
            path.chmod(0o755 if path.is_dir() else 0o644)
        asked = [[*verb, str(shared)] for verb, _ in verbs]
        lines = (
            "import os; from accord.cli import run",
            f"for verb in {asked!r}: run(verb)",  # once beforehand, so that all modules are there
            "os.setuid(65534)",
            f"print([run(verb) for verb in {asked!r}])",
        )
        code = "\n".join(lines)
        done = finished([], code=code, imports=TRAINING, cwd=Path("/"))
        assert "Traceback" not in done.stderr, done.stderr
        statuses = json.loads(done.stdout.splitlines()[-1])
        assert all(status in wanted for status, (_, wanted) in zip(statuses, verbs, strict=True)), done.stderr


def test_an_ascii_terminal_gets_escapes_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "räksmörgås.toml").write_text('[policy]\nbäse = "☃"\n', encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    code = "import sys; from accord.cli import run; print([run([verb, *sys.argv[1:]]) for verb in ('check', 'run')])"
    done = subprocess.run(
        [sys.executable, "-c", code, "räksmörgås.toml"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[-1] == "[2, 2]"
    assert [line.startswith("accord: r\\") for line in done.stderr.splitlines()] == [True, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'seed = 1\n[data]\nabout = "\xe9t\xe9"\n', "r.toml:3: not UTF-8"),
        (b'[data]\nledger = "a\\u0000b"\n', "recipe.'data.ledger' holds a NUL"),
        (b"a = " + b"[" * 5000, "not TOML"),
    ],
)
def test_recipes_that_cannot_be_read_are_one_line(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.toml").write_bytes(content)
    for verb in (["check"], ["run", "--out", str(tmp_path / "run")]):
        assert run([*verb, str(tmp_path / "r.toml")]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "a\0b"])
def test_names_that_no_file_can_have_are_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "first"]) == 0
    capsys.readouterr()
    recipe = "first/recipe.toml"
    for arguments in (
        ["run", recipe, "--out", name],
        ["run", recipe, "--out", name, "--resume"],
        ["run", name],
        ["check", name],
        ["check", recipe, "--sft.base", name],
        ["check", recipe, "--data.source", name],
        ["init", name],
        ["audit", name],
        ["evaluate", name],
        ["verify", name],
        ["report", name],
        ["compare", name, name],
        ["serve", name, "--port", "0"],
        ["export", name, "--to", "x.jsonl"],
        ["backup", name, "--to", "x.db"],
        ["import", name, "--ledger", "l.db"],
        ["import", "first/feedback.jsonl", "--ledger", name, "--format", "trl_preference"],
        ["lab", "plant", "none", "--out", name],
        ["lab", "faults", "--extension", name],
    ):
        assert run(arguments) == 2, arguments
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert (said.err or said.out).strip()
