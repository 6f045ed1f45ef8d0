"""What travels in a wheel: every file of the package, pages, sheets and recipes among them."""

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_no_file_of_the_package_is_left_out_of_a_wheel() -> None:
    """The build leaves out what `.gitignore` names, be it kept in the repository or not."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: what is ignored cannot be asked")
    kept = subprocess.run(["git", "ls-files", "src/accord"], cwd=ROOT, capture_output=True, text=True, check=True)
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    ignored = subprocess.run(command, cwd=ROOT, input=kept.stdout, capture_output=True, text=True, check=False)
    assert kept.stdout.count("\n") > 500
    assert (ignored.returncode, ignored.stdout) == (1, "")  # 1: none of them


@pytest.mark.parametrize(
    "name",
    [
        *("py.typed", "loop/demo.toml", "loop/starter/recipe.toml", "loop/starter/feedback.jsonl"),
        *("report/templates", "collect/web/templates", "watch/templates", "watch/static", "audit/error_rates.json"),
    ],
)
def test_what_is_read_beside_the_code_is_found_as_installed(name: str) -> None:
    place = files("accord").joinpath(name)
    assert place.is_file() or any(place.iterdir())
