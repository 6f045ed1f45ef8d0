"""The base install, without `train`: what works where no model can be opened, and what is said of the rest."""

import json
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from safetensors import safe_open

from accord.artefacts import FINDINGS, MODEL
from accord.artefacts import RECIPE as RECIPE_FILE
from accord.errors import MissingExtraError
from accord.extras import EXTRAS, TRAIN, extra_lacked, import_module, lacking, missing, require
from accord.lab.planted import plant
from accord.lm import load
from accord.loop.starting import write_starter
from accord.report.disclosure.model_files import tensors_in
from accord.run import RunDirectory

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
SCRIPT = HERE.parent / "without_models.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WITHOUT = "the extra 'train', which opens and trains models (pip install 'accord[train]')"
RECIPE = """[policy]
kind = "ppo"

[audit.oversight]
words_per_second = 9.0
"""
STUDY = """name = "s"
title = "S"
items_file = "items.jsonl"

[[questions]]
kind = "comparison"
text = "Which?"
"""
PROGRAM = "def prefers(item):\n    return {'kind': 'comparison', 'preferred': 'left'}\n"


def without_models(folder: Path, *commands: list[str]) -> list[str]:
    """The command line that runs these where no model can be opened."""
    script = folder / f"commands-{len(list(folder.glob('commands-*')))}.json"
    script.write_text(json.dumps(commands))
    return [sys.executable, str(SCRIPT), str(script)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, a study with an item, a run that was not audited with a model in it, and one that was."""
    path = tmp_path_factory.mktemp("base")
    write_starter(path / "first")
    with plant(path / "run") as opened:
        RECIPE_FILE.write(opened, RECIPE)
        for stage in ("sft", "policy"):
            with MODEL.write(opened, stage=stage) as folder:
                load("tiny", dtype="float32").save(folder)
    shutil.copytree(path / "run", path / "audited")
    with RunDirectory.open(path / "audited") as opened:
        FINDINGS.write(opened, [])
    (path / "items.jsonl").write_text('{"prompt": "p", "completions": ["a", "bb"]}\n')
    (path / "study.toml").write_text(STUDY)
    (path / "mine.py").write_text(PROGRAM)
    return path


Results = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    """What came of every verb, by a name."""
    first, ledger, run = str(folder / "first"), str(folder / "people.db"), str(folder / "run")
    audited, study = str(folder / "audited"), str(folder / "study.toml")
    commands = {
        "init": ["init", str(folder / "second")],
        "import": ["import", f"{first}/feedback.jsonl", "--format", "trl_preference", "--ledger", ledger],
        "quality": ["quality", ledger, "--html", str(folder / "quality.html")],
        "export": ["export", ledger, "--to", str(folder / "all.jsonl")],
        "backup": ["backup", ledger, "--to", str(folder / "copy.db")],
        "ask": ["ask", study, "--ledger", str(folder / "asked.db"), "--by", f"program:{folder / 'mine.py'}:prefers"],
        "audit of a ledger": ["audit", ledger, "--json"],
        "audit": ["audit", run, "--json"],
        "audit again": ["audit", audited],
        "verify": ["verify", run],
        "evaluate": ["evaluate", run],
        "report": ["report", run],
        "disclose": ["disclose", run, "--json"],
        "compare": ["compare", run, audited],
        "lab faults": ["lab", "faults"],
        "demo": ["demo"],
        "check": ["check", f"{first}/recipe.toml"],
        "run": ["run", f"{first}/recipe.toml", "--out", str(folder / "never")],
        "serve": ["serve", run],
        "push": ["push", run, "somebody/model"],
        "lab list": ["lab", "list"],
        "evaluate --against": ["evaluate", run, "--against", audited],
        "evaluate --pairs": ["evaluate", run, "--pairs", "pairs.jsonl"],
        "disclose --model-card": ["disclose", run, "--model-card", str(folder / "card.md")],
        "ask --by run": ["ask", study, "--ledger", str(folder / "never.db"), "--by", f"run:{run}"],
        "audit --questions": ["audit", run, "--questions", "questions.jsonl"],
    }
    shown = subprocess.run(
        without_models(folder, *commands.values()), stdout=subprocess.PIPE, check=True, text=True, timeout=300
    )
    return dict(zip(commands, json.loads(shown.stdout), strict=True))


WORKS = (
    *("init", "import", "quality", "export", "backup", "ask", "audit of a ledger", "audit", "audit again", "verify"),
    *("evaluate", "report", "disclose", "compare", "lab faults"),
)


@pytest.mark.parametrize("name", WORKS)
def test_what_asks_keeps_and_looks_at_files_works(results: Results, name: str) -> None:
    progress = "accord: 1 of 1 items are done\n" if name == "ask" else ""
    assert (results[name]["status"], results[name]["errors"]) == (0, progress)


def test_and_it_is_real_work(results: Results, folder: Path) -> None:
    assert "36 new" in results["import"]["out"]
    assert "Machine-written answers" in results["quality"]["out"]
    assert (folder / "quality.html").stat().st_size > 10_000
    assert len((folder / "all.jsonl").read_text().splitlines()) > 36
    assert (folder / "run/report.html").stat().st_size > 10_000
    assert "KL to its start" in results["evaluate"]["out"]


def test_whatever_else_takes_the_extra_says_so_in_one_line(results: Results, folder: Path) -> None:
    for name in results.keys() - set(WORKS):
        line = results[name]["errors"]
        assert (results[name]["status"], line.count("\n"), results[name]["out"]) == (2, 1, ""), name
        assert "takes the extra 'train', which opens and trains models (missing: torch" in line, name
        assert line.endswith("pip install 'accord[train]'\n"), name
    assert not (folder / "never").exists()
    assert not (folder / "never.db").exists()
    assert not (folder / "card.md").exists()


def test_checks_that_take_a_model_cannot_be_assessed_and_say_why(results: Results) -> None:
    audit = json.loads(results["audit"]["out"])
    by_name = {f"{each['challenge']} {each['check']}": each for each in audit["findings"]}
    closed = {name: each["needs"] for name, each in by_name.items() if WITHOUT in (each["needs"] or "")}
    assert all(by_name[name]["verdict"] == "NOT_ASSESSABLE" for name in closed)
    assert closed["P-EOS stopping"] == WITHOUT
    assert any(f"the model of the judge 'reward': {WITHOUT}" in needs for needs in closed.values())
    assert sum(each["verdict"] != "NOT_ASSESSABLE" for each in audit["findings"]) >= 8
    assert audit["notes"] == [f"No model was opened: that takes {WITHOUT}."]
    assert "notes" in json.loads(results["audit of a ledger"]["out"])
    assert "No model was opened" not in results["audit of a ledger"]["out"]


def test_an_audit_that_was_made_with_the_models_is_not_replaced(results: Results, folder: Path) -> None:
    assert "The findings of the audit that is in the run stay as they are." in results["audit again"]["out"]
    with RunDirectory.open(folder / "audited", write=False) as opened:
        assert FINDINGS.read(opened) == ()
    with RunDirectory.open(folder / "run", write=False) as opened:
        assert FINDINGS.read(opened) != ()


def test_a_disclosure_knows_the_weights_by_their_file_alone(results: Results, folder: Path) -> None:
    (file,) = (folder / "run/policy/model").glob("*.safetensors")
    with safe_open(file, framework="np") as content:
        theirs = {name: content.get_slice(name) for name in content.keys()}  # noqa: SIM118 - it is no dictionary
        expected = {name: (part.get_shape(), part.get_dtype()) for name, part in theirs.items()}
    ours = tensors_in(file)
    assert ours is not None
    assert {name: (entry["shape"], entry["dtype"]) for name, entry in ours.items()} == expected
    assert "float32" in results["disclose"]["out"].lower() or "F32" in results["disclose"]["out"]


HEADER = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"12", len(HEADER).to_bytes(8, "little") + HEADER, (1 << 60).to_bytes(8, "little") + HEADER),
        *(
            len(text).to_bytes(8, "little") + text + b"1234"
            for text in (b"[]", b"{", b"[" * 9999, b'{"a": 1}', b"\xff")
        ),
        *(
            len(text).to_bytes(8, "little") + text + b"1234"
            for text in (HEADER.replace(b"[1]", b"[-1]"), HEADER.replace(b"[1]", b'"1"'), HEADER.replace(b"4]", b"8]"))
        ),
    ],
)
def test_a_file_of_weights_that_is_none_is_not_counted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert tensors_in(tmp_path / "model.safetensors") is None


def test_people_are_asked(folder: Path) -> None:
    ask = ["collect", str(folder / "study.toml"), "--ledger", str(folder / "said.db"), "--port", "0", "--invite", "1"]
    server = subprocess.Popen(
        without_models(folder, ask),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert server.stdout is not None
        shown = [server.stdout.readline() for _ in range(3)]
        link = re.search(r"for one person: (\S+)", "".join(shown))
        assert link, shown
        with urllib.request.urlopen(link[1], timeout=60) as page:
            assert b"I agree to take part" in page.read()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
    finally:
        server.kill()
        server.communicate()


def _named(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def test_the_base_package_requires_nothing_that_opens_models() -> None:
    """Nor does anything that it requires: all of it, by way of whatever is installed here."""
    base, waiting = set[str](), _named(PROJECT["dependencies"])
    while waiting:
        base |= waiting
        needed = [Requirement(each) for name in waiting for each in distribution(name).requires or []]
        here = {canonicalize_name(e.name) for e in needed if e.marker is None or e.marker.evaluate({"extra": ""})}
        waiting = here - base
    assert base & {"torch", "transformers", "tokenizers", "peft", "accelerate", "gguf", "safetensors"} == set()
    assert {"litestar", "markupsafe", "mako"} <= base


def test_the_extras_bring_the_modules_that_are_said_to_be_theirs() -> None:
    packages = packages_distributions()
    for extra, modules in EXTRAS.items():
        by_extra = _named(PROJECT["optional-dependencies"][extra])
        direct = {canonicalize_name(name) for module in modules for name in packages[module]}
        assert by_extra <= direct, extra
        assert missing(extra) == (), extra
    assert "accord[quantised,ray,train]" in PROJECT["optional-dependencies"]["dev"]


def test_what_is_there_is_not_said_to_be_missing() -> None:
    require(TRAIN, "anything")
    assert lacking(TRAIN) == ""
    assert extra_lacked(ModuleNotFoundError("broken", name="torch"), "accord run") is None
    assert extra_lacked(ModuleNotFoundError("no such", name="no_such_module"), "accord run") is None
    with pytest.raises(ModuleNotFoundError):
        import_module("accord.no_such_module")


def test_a_room_of_models_says_from_python_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "accord.lm.logprobs", raising=False)
    with pytest.raises(MissingExtraError, match=r"^accord\.lm\.logprobs takes .*missing: torch\)") as caught:
        import_module("accord.lm.logprobs")
    assert isinstance(caught.value, ImportError)
    assert caught.value.extra == TRAIN
    monkeypatch.delitem(sys.modules, "accord.policy.dpo", raising=False)
    dpo = import_module("accord.policy.dpo")  # whose torch is for later
    with pytest.raises(MissingExtraError, match=r"^accord\.policy\.dpo takes .*missing: torch\)"):
        dpo.torch.zeros(1)
