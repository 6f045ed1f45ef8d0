"""Whatever stands in recipes, models, runs and ledgers: a verb ends with status 0, 1 (an audit) or 2, and one line.

What is unforeseen keeps its traceback, and fails here. The quick form draws a few cases of each kind, the slow one
many; both draw the same ones each time.
"""

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from accord.cli import run
from accord.lab.planted import plant
from accord.lm.loading import load

VALUES: list[Any] = [
    *(None, True, "", "x", "tiny", "../x", "/", "\ud7ff", "a" * 5000, 0, 1, -1, 10**30, 1e308, -1e308, 1e-320),
    *(float("nan"), float("inf"), [], {}, [[]], [0], {"x": 1}, ["a", 1], 0.5, 2**31, 2**63),
]
QUICK, WIDE = 10, 60


def cases(kind: str) -> list[Any]:
    """Seeds of a kind of damage: a few, and many where the slow tests run."""
    return [pytest.param(kind, i, marks=[pytest.mark.slow] if i >= QUICK else []) for i in range(WIDE)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A starter recipe with its ledger, a model in a folder, and a run without models."""
    path = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        assert run(["init", "first"]) == 0
        assert run(["import", "first/feedback.jsonl", "--ledger", "first.db", "--format", "trl_preference"]) == 0
        load("tiny").save(path / "model")
        with plant(path / "run"):
            pass
        yield path


@pytest.fixture
def inside(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("first", "model", "run"):
        shutil.copytree(home / name, tmp_path / name)
    shutil.copy(home / "first.db", tmp_path / "first.db")
    return tmp_path


def ends_well(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> int:
    """The status of a verb; what it says is one line where that is 2."""
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of values that they then take
        status = run(arguments)
    said = capsys.readouterr()
    assert status in ({0, 1, 2} if arguments[0] == "audit" else {0, 2, 3}), arguments
    if status == 2 and said.err:
        assert said.err.startswith("accord: ") or "UserWarning" in said.err, said.err
        assert "Traceback" not in said.err
    return status


def altered(content: Any, random: np.random.Generator) -> Any:
    """Nested JSON with one value replaced, left out, or added."""
    content = json.loads(json.dumps(content))
    places = [(content, key) for key in (content if isinstance(content, dict) else range(len(content)))]
    for holder, key in places:
        inner = holder[key]
        if isinstance(inner, dict | list):
            places += [(inner, each) for each in (inner if isinstance(inner, dict) else range(len(inner)))]
    holder, key = places[random.integers(len(places))]
    match random.integers(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder["no_such_key"] = 1
        case _:
            holder[key] = VALUES[random.integers(len(VALUES))]
    return content


def without_none(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: without_none(value) for key, value in content.items() if value is not None}
    return [without_none(value) for value in content if value is not None] if isinstance(content, list) else content


def cut(content: bytes, random: np.random.Generator) -> bytes:
    """Bytes with a part cut off, overwritten or put in."""
    place = int(random.integers(len(content) + 1))
    noise = random.integers(0, 256, 8, dtype=np.uint8).tobytes()
    return [content[:place], content[:place] + noise + content[place + 8 :], content[:place] + noise, noise, b""][
        random.integers(5)
    ]


@pytest.mark.parametrize(("kind", "seed"), cases("recipe"))
def test_recipes(kind: str, seed: int, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tomllib

    random = np.random.default_rng([1, seed])
    file = inside / "first/recipe.toml"
    if seed % 5 == 4:
        file.write_bytes(cut(file.read_bytes(), random))
    else:
        file.write_text(tomli_w.dumps(without_none(altered(tomllib.loads(file.read_text()), random))))
    checked = ends_well(["check", str(file)], capsys)
    small = ["--only", "data", "--quiet", "--out", str(inside / "out")]
    done = ends_well(["run", str(file), *small], capsys)
    assert checked == 2 or done in {0, 2}


@pytest.mark.parametrize(("kind", "seed"), cases("model"))
def test_models(kind: str, seed: int, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that check finds nothing wrong with may still be refused by run, but by one line."""
    random = np.random.default_rng([2, seed])
    files = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors")
    file = inside / "model" / files[seed % len(files)]
    if file.suffix == ".json" and seed % 3:
        content = altered(json.loads(file.read_text()), random)
        file.write_text(json.dumps(content))
    else:
        file.write_bytes(cut(file.read_bytes(), random))
    base = ["--sft.base", str(inside / "model"), "--sft.epochs", "1", "--sft.max_examples", "8"]
    ends_well(["check", "first/recipe.toml", *base], capsys)
    ends_well(["run", "first/recipe.toml", *base, "--only", "data", "--only", "sft", "--quiet", "--out", "out"], capsys)


@pytest.mark.parametrize(("kind", "seed"), cases("run"))
def test_runs(kind: str, seed: int, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files whose digests were made to fit, so that what is in them is read."""
    from accord.run import digest_of

    random = np.random.default_rng([3, seed])
    path = inside / "run"
    names = sorted(json.loads((path / "manifest.json").read_text())["files"])
    name = "manifest.json" if seed % 4 == 0 else names[random.integers(len(names))]
    file = path / name
    if name.endswith(".json") and seed % 2 == 0:
        file.write_text(json.dumps(altered(json.loads(file.read_text()), random)))
    elif name.endswith(".jsonl"):
        lines = file.read_text().splitlines() or ["{}"]
        line = int(random.integers(len(lines)))
        lines[line] = json.dumps(altered(json.loads(lines[line]) or {"x": 1}, random))
        file.write_text("\n".join(lines) + "\n")
    else:
        file.write_bytes(cut(file.read_bytes(), random))
    if name != "manifest.json":
        manifest = json.loads((path / "manifest.json").read_text())
        manifest["files"][name].update(sha256=digest_of(file), bytes=file.stat().st_size)
        (path / "manifest.json").write_text(json.dumps(manifest))
    for arguments in (["evaluate"], ["audit", "--json"], ["verify"], ["report"], ["compare", str(path)]):
        ends_well([*arguments, str(path)], capsys)


@pytest.mark.parametrize(("kind", "seed"), cases("feedback"))
def test_feedback_and_ledgers(kind: str, seed: int, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng([4, seed])
    if seed % 2:
        file = inside / "first.db"
        file.write_bytes(cut(file.read_bytes(), random))
    else:
        file = inside / "first/feedback.jsonl"
        lines = file.read_text().splitlines()
        line = int(random.integers(len(lines)))
        lines[line] = json.dumps(altered(json.loads(lines[line]), random))
        file.write_text("\n".join(lines) + "\n")
    ends_well(["check", "first/recipe.toml", "--data.ledger", str(inside / "first.db")], capsys)
    feedback = ["first/feedback.jsonl", "--format", "trl_preference"]
    ends_well(["import", *feedback, "--ledger", "first.db"], capsys)
    ends_well(["export", "first.db", "--to", "out.jsonl"], capsys)
    ends_well(["backup", "first.db", "--to", "copy.db"], capsys)
