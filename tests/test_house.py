"""The documents and the set-up agree with the code."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from accord.audit import CHALLENGES, CHECKS
from accord.audit.settings import FAMILIES
from accord.cli.main import app
from accord.cluster.settings import Engine
from accord.feedback.formats.catalogue import formats_page, formats_table
from accord.lab import FAULTS
from accord.lm.settings import ModelSettings
from accord.policy.registry import ALGORITHMS
from accord.policy.servers.settings import SamplerServer
from accord.recipe import Checkpoints, Data, Disclosure, Evaluate, Track
from accord.recipe.crowd import Crowd, SimulatedPerson
from accord.recipe.judges import ModelJudge
from accord.recipe.rounds import AskedEvaluator, Loop, Round
from accord.recipe.synchronous import Synchronous
from accord.reward import REWARDS
from accord.reward.metrics.registry import METRICS
from accord.train.optimiser import Optim

ROOT = Path(__file__).parents[1]
VERBS = [
    "demo",
    "init",
    "import",
    "export",
    "backup",
    "quality",
    "collect",
    "ask",
    "check",
    "run",
    "watch",
    "runs",
    "evaluate",
    "audit",
    "verify",
    "report",
    "compare",
    "push",
    "disclose",
    "serve",
    "chat",
    "standings",
    "lab",
]


def test_the_verbs_are_documented() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    assert {name for name in app if not name.startswith("-")} == set(VERBS)
    assert all(f"`accord {verb} " in text for verb in VERBS)


@pytest.mark.parametrize(
    "settings",
    [
        Data,
        *REWARDS,
        *ALGORITHMS,
        Evaluate,
        Checkpoints,
        Engine,
        Disclosure,
        Track,
        Optim,
        ModelSettings,
        Loop,
        Round,
        Synchronous,
        AskedEvaluator,
        Crowd,
        SimulatedPerson,
        ModelJudge,
        SamplerServer,
        *METRICS,
    ],
)
def test_every_setting_is_documented(settings: type[BaseModel]) -> None:
    pages = [ROOT / "docs/recipe.md", *sorted((ROOT / "docs/rewards").glob("*.md"))]
    text = "\n".join(page.read_text() for page in pages)
    assert [name for name in settings.model_fields if f"`{name}`" not in text and name != "kind"] == []


def test_every_algorithm_is_in_the_table() -> None:
    table = (ROOT / "docs/policies.md").read_text().partition("| `kind` |")[2].partition("\n\n")[0]
    listed = [kind for line in table.splitlines()[2:] for kind in re.findall(r"`(\S+)`", line.split("|")[1])]
    assert sorted(listed) == sorted(ALGORITHMS.names)


def test_every_threshold_of_the_audit_is_documented() -> None:
    text = (ROOT / "docs/recipe.md").read_text()
    sections = text.split("### `[audit.")[1:]
    assert [section.partition("]")[0] for section in sections] == list(FAMILIES.names)
    for family, section in zip(FAMILIES, sections, strict=True):
        keys = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", section, re.M)
        fields = family.model_fields.items()
        assert keys == [(name, str(field.default), field.description) for name, field in fields], family.family


def test_every_format_is_documented() -> None:
    """Where a format is new: put `formats_table()` into the document again."""
    assert formats_table() in (ROOT / "docs/feedback.md").read_text()
    page = (ROOT / "docs/formats.md").read_text()
    assert page == formats_page(), "python -m accord.feedback.formats > docs/formats.md"


def test_every_check_is_documented() -> None:
    text = (ROOT / "docs/audit.md").read_text()
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines() if line[:1] == "|"]
    assert [row for row in rows if len(row) == 3 and row[0] in CHALLENGES] == [
        (check.challenge.id, check.name, check.claim) for check in CHECKS
    ]
    assert [row for row in rows if len(row) == 4 and row[0] in CHALLENGES] == [
        (each.id, each.title, each.section.partition(" ")[0], "fundamental" if each.fundamental else "tractable")
        for each in CHALLENGES
        if each.section[0].isdigit()
    ]


def test_every_fault_is_documented() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| .+ \| (.+) \|$", (ROOT / "docs/lab.md").read_text(), re.M)
    documented = {name: {word.strip() for word in checks.split(",")} for name, checks in rows}
    assert documented.keys() == set(FAULTS.names)
    for fault in FAULTS:
        missing = [check for check in fault.sets_off if not any(check.endswith(n) for n in documented[fault.name])]
        assert missing == [], fault.name


def test_every_room_of_the_tree_is_there() -> None:
    tree = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    rooms = {name.rstrip("/") for name in re.findall(r"^  (\w+/|\w+\.py)", tree, re.M)} | {"cli"}
    package = ROOT / "src/accord"
    here = {
        path.name
        for path in package.iterdir()
        if path.name not in {"__pycache__", "__init__.py", "py.typed"} and not path.name.startswith(".")
    }
    assert here == rooms


@pytest.mark.parametrize(
    "module",
    [
        "accord",
        "accord.feedback",
        "accord.collect",
        "accord.collect.web.app",
        "accord.report",
        "accord.watch.app",
        "accord.watch.study_page",
        "accord.watch.listing",
        "accord.cli",
    ],
)
def test_what_needs_no_torch_loads_none(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_glossary_defines_each_term_once_and_is_linked() -> None:
    terms = re.findall(r"^\| ([^|]+) \| .+ \|$", (ROOT / "docs/glossary.md").read_text(), re.M)
    terms = [term for term in terms if term not in {"term", "---"}]
    assert len(terms) > 40
    assert sorted(terms) == sorted(set(terms))
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text()
    assert "(docs/glossary.md)" in (ROOT / "ARCHITECTURE.md").read_text()


# Words that say nothing of the thing that they name.
PARTICIPLES = {"found", "said", "told", "made", "kept", "held", "given", "taken", "asked", "wanted", "seen", "drawn"}
PRONOUNS = {"each", "some", "one", "other", "others", "more"}


def public_names(path: Path) -> Iterator[tuple[int, str]]:
    """Module, constants, classes with their fields, functions and methods with their parameters, each with its line."""
    yield 1, path.stem
    yield from _names_in(ast.parse(path.read_text()))


def _names_in(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[int, str]]:
    for node in scope.body:
        match node:
            case ast.ClassDef() if not node.name.startswith("_"):
                yield node.lineno, node.name
                yield from _names_in(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == "__init__" or not node.name.startswith("_"):
                yield node.lineno, node.name
                yield from ((arg.lineno, arg.arg) for arg in ast.walk(node.args) if isinstance(arg, ast.arg))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield node.lineno, name


def test_no_public_name_is_a_bare_participle_or_pronoun() -> None:
    package = ROOT / "src/accord"
    assert [
        f"{path.relative_to(package)}:{line} {name}"
        for path in sorted(package.rglob("*.py"))
        for line, name in public_names(path)
        if name.lower() in PARTICIPLES | PRONOUNS
    ] == []


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports them by their names alone."""
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
