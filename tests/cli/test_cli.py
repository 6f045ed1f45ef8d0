"""Every verb: its help, its exit status, its one line when something is wrong."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accord.cli import run
from accord.cli.printing import unfold

VERBS = [
    "verify",
    "demo",
    "init",
    "import",
    "export",
    "backup",
    "collect",
    "check",
    "run",
    "evaluate",
    "audit",
    "report",
    "compare",
    "serve",
    "lab",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished run of the starter recipe."""
    path = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        assert run(["init", "first"]) == 0
        assert run(["run", "first/recipe.toml", "--quiet"]) == 0
        yield path


@pytest.fixture
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    return home


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr().err.strip()
    assert said.startswith("accord: ")
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert f"Example: accord {verb}" in capsys.readouterr().out


def test_version_and_bare_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert "accord 0.1.0" in capsys.readouterr().out
    assert run([]) == 0
    assert "import" in capsys.readouterr().out


def test_recipe_values_may_be_given_as_flags() -> None:
    given = ["run", "r.toml", "--policy.kl_coef", "0.1", "--sft.optim.lr=1e-4", "--resume", "--data.about", "a b"]
    assert unfold(given) == [
        "run",
        "r.toml",
        "--set",
        "policy.kl_coef=0.1",
        "--set",
        "sft.optim.lr=1e-4",
        "--resume",
        "--set",
        "data.about=a b",
    ]
    assert unfold(["check", "r.toml", "--seed", "3"]) == ["check", "r.toml", "--set", "seed=3"]
    assert unfold(["lab", "plant", "length", "--seed", "3"]) == ["lab", "plant", "length", "--seed", "3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "nonsense"),
        (["run"], "recipe"),
        (["run", "missing.toml"], "no such file"),
        (["audit", "nowhere"], "no such file or folder"),
        (["report", "nowhere"], "there is no run here"),
        (["import", "x.jsonl", "--ledger", "l.db"], "x.jsonl: no such file"),
        (["import", "first/recipe.toml", "--ledger", "l.db"], "recipe.toml:1: begins with '# A small run"),
        (["import", "x.jsonl", "--ledger", "l.db", "--format", "trl_prefrence"], "did you mean 'trl_preference'?"),
        (["check", "first/recipe.toml", "--policy.bate", "1"], "recipe.policy.bate: no such field"),
        (["check", "first/recipe.toml", "--policy.kl_coef"], "--policy.kl_coef"),
        (["run", "first/recipe.toml"], "add --resume"),
        (["run", "first/recipe.toml", "--resume", "--only", "polcy"], "no stage 'polcy'; did you mean 'policy'?"),
        (["audit", "runs/first", "--only", "RG9"], "no check of a challenge 'RG9'"),
        (["evaluate", "runs/first", "--against", "nowhere"], "there is no run here"),
        (["serve", "runs/nowhere", "--port", "0"], "there is no run and no model here"),
        (["serve", "typo", "--port", "0"], "typo: there is no run and no model here"),
        (["run", "first/recipe.toml", "--out", "new", "--sft.base", "/no/model"], "/no/model"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_status_2(
    arguments: list[str], message: str, inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert message in one_line(capsys)


def test_check_prints_the_recipe_and_starts_nothing(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def files() -> list[Path]:  # beside those that SQLite keeps next to a ledger that was read
        return sorted(path for path in inside.rglob("*") if not path.name.endswith(("-shm", "-wal")))

    before = files()
    assert run(["check", "first/recipe.toml", "--policy.kl_coef", "0.25", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"]["policy"]["kl_coef"] == 0.25
    assert found["stages"][0] == "data"
    assert run(["check", "first/recipe.toml", "--data.source", "gone.jsonl"]) == 2
    assert "no file" in capsys.readouterr().out
    assert files() == before


def test_audit_lists_every_check_with_a_verdict(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["audit", "runs/first", "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    verdicts = {each["verdict"] for each in findings}
    assert verdicts <= {"FIRES", "QUIET", "INCONCLUSIVE", "NOT_ASSESSABLE"}
    assert status == int("FIRES" in verdicts)
    assert {each["challenge"] for each in findings} >= {"P-BOS", "P-EOS", "P-PAD", "P-KL", "P-ACC", "P-SPLIT"}
    assert {each["challenge"] for each in findings} >= {"OV1", "PM2", "RG1", "RG2", "RE1", "DC2"}
    missing = [each for each in findings if each["verdict"] == "NOT_ASSESSABLE"]
    assert missing
    assert all(each["needs"] for each in missing)


def test_audit_prints_what_fires_first_and_what_is_lacking_once(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["audit", "runs/first", "--only", "MH1", "--only", "P-EOS", "--only", "RE1", "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    run(["audit", "runs/first", "--only", "MH1", "--only", "P-EOS", "--only", "RE1"])
    *lines, last = capsys.readouterr().out.splitlines()
    most = [line for line in lines if line.startswith("5 of the 7 that could not be assessed lack evaluators that are")]
    assert lines[-len(most) :] == most
    del lines[-len(most) :]
    order = [line.split("  ")[0] for line in lines if line[0] != " "]
    wanted = ["fires", "inconclusive", "quiet", "not detected by this test", "not assessable"]
    assert order == sorted(order, key=wanted.index)
    fired = [each for each in findings if each["verdict"] == "FIRES"]
    assert [line.strip() for line in lines if line.strip().startswith("Remedy")] == [
        f"Remedy: {each['remedy']}" for each in fired
    ]
    lacking: dict[str, list[str]] = {}
    for each in findings:
        if each["verdict"] == "NOT_ASSESSABLE":
            lacking.setdefault(each["needs"], []).append(f"{each['challenge']} {each['check']}")
    assert lacking
    assert max(map(len, lacking.values())) > 1
    assert [line.split(maxsplit=2)[2] for line in lines if line.startswith("not assessable")] == [
        f"{', '.join(ids)}: missing: {needs}." for needs, ids in lacking.items()
    ]
    assert last.startswith(f"{len(findings)} checks: ")
    assert last.endswith("`--plan FOLDER` writes what to collect.")


def test_evaluate_compare_and_report_print(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "runs/first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert run(["evaluate", "runs/first", "--against", "runs/first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["win_rate"]["value"] == pytest.approx(0.5)
    assert run(["compare", "runs/first", "runs/first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert run(["report", "runs/first"]) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")


def test_an_altered_artefact_is_refused(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("runs/first", "runs/altered")
    with Path("runs/altered/evaluation/samples.jsonl").open("a") as file:
        file.write("{}\n")
    assert run(["audit", "runs/altered"]) == 2
    assert "differs from its digest" in one_line(capsys)


def test_a_malformed_line_is_named_and_nothing_enters(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ['{"prompt": "a", "chosen": "b", "rejected": "c"}', '{"prompt": "a", "chosen": 7, "rejected": "c"}']
    Path("bad.jsonl").write_text("\n".join(lines) + "\n")
    assert run(["import", "bad.jsonl", "--format", "trl_preference", "--ledger", "bad.db"]) == 2
    assert "bad.jsonl:2 chosen" in one_line(capsys)
    assert run(["import", "bad.jsonl", "--format", "trl_preference", "--ledger", "bad.db"]) == 2
    assert not Path("bad.db").exists()


def test_training_that_stops_itself_is_status_3(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["--sft.optim.lr", "1e30", "--sft.optim.max_grad_norm", "1e30", "--sft.optim.warmup_steps", "0"]
    assert run(["run", "first/recipe.toml", "--out", "runs/wild", "--quiet", *wild]) == 3
    assert "is kept in" in one_line(capsys)


def test_init_overwrites_nothing(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "first"]) == 2
    assert "already there" in one_line(capsys)


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m accord init {tmp_path / 'first'} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lab_lists_its_reproductions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "list"]) == 0
    assert "exact-optimum  Does each optimiser find" in capsys.readouterr().out


def test_a_reproduction_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "run", "exact-optimun"]) == 2
    assert "did you mean 'exact-optimum'?" in one_line(capsys)
