"""Importing the package is cheap: heavy libraries load with the room that needs them."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = "'torch', 'pydantic', 'transformers', 'scipy', 'sklearn', 'pandas', 'sqlalchemy', 'peft', 'matplotlib'"


def loaded_after(code: str) -> str:
    code = f"import sys\n{code}\nprint(sorted(name for name in ({HEAVY},) if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import accord; accord.__version__; accord.AccordError") == "[]"


@pytest.mark.parametrize("room", ["reward", "policy", "audit", "report", "lm", "feedback", "collect"])
def test_naming_a_room_loads_no_torch(room: str) -> None:
    assert "torch" not in loaded_after(f"from accord import {room}")


def test_reading_a_run_loads_no_torch() -> None:
    assert loaded_after("from accord import RunDirectory") == "[]"


def test_help_and_a_starter_load_nothing_heavy(tmp_path: Path) -> None:
    """Neither the list of verbs nor any verb's own help takes what the verbs work with."""
    code = f"""
from accord.cli.main import app, run
for verb in [[], ["check"], ["run"], ["audit"], ["import"], ["collect"], ["ask"], ["serve"], ["watch"], ["lab"]]:
    assert run([*verb, "--help"]) == 0
assert run(["--version"]) == run(["init", {str(tmp_path / "new")!r}]) == 0
"""
    assert loaded_after(code).splitlines()[-1] == "[]"


def test_check_loads_no_models_where_none_is_asked() -> None:
    """Settings, texts and what a run would do are told of these without torch; devices and compilers too."""
    root = Path(__file__).parents[2]
    recipes = [str(root / "examples" / f"{name}.toml") for name in ("dpo", "ppo", "rules", "learnt_joint", "judges")]
    code = f"""
from accord.cli.main import run
for recipe in {[*recipes, str(root / "src/accord/loop/demo.toml")]!r}:
    assert run(["check", recipe]) == 0, recipe
"""
    assert loaded_after(code).splitlines()[-1] in {"['pydantic', 'sqlalchemy']", "['pydantic']"}


def test_every_module_loads_and_every_public_name_is_there() -> None:
    """The type checker takes any name from a package that finds its names when they are asked for."""
    code = """
import accord, importlib, pkgutil
for found in pkgutil.walk_packages(accord.__path__, "accord."):
    if not found.name.endswith("__main__") and ".migrations" not in found.name:
        module = importlib.import_module(found.name)
        for name in getattr(module, "__all__", ()):
            getattr(module, name)
for name in ("AccordError", "Completion", "Estimate", "Judge", "Prompt", "RunDirectory", "Scores", "feedback", "lm"):
    assert name in accord.__all__ and getattr(accord, name) is not None
try:
    accord.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise SystemExit("an unknown name was there")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
