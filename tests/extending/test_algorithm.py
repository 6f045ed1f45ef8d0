"""An algorithm of the user's own: a module that nobody else knows of, used from a recipe by `accord run`."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.cli import run
from accord.errors import ExtensionError
from accord.extensions import load_extensions, temporary
from accord.loop.starting import write_starter
from accord.policy import ALGORITHMS

SMALL = ["--sft.epochs=1", "--evaluate.samples_per_prompt=2", "--quiet"]
POLICY = """[policy]
kind = "slic"
dtype = "float32"
delta = 2.0
batch_size = 8

"""


def starter_with(policy: str, folder: Path, *, extensions: str = "") -> Path:
    """The packaged example of a recipe with another policy, and no reward model."""
    write_starter(folder)
    recipe = folder / "recipe.toml"
    before, _, rest = recipe.read_text().partition("[reward]")
    recipe.write_text(f"{extensions}\n{before}{policy}[evaluate]{rest.partition('[evaluate]')[2]}")
    return recipe


def test_an_algorithm_of_ones_own_trains_and_is_told(example: Callable[[str], Path], tmp_path: Path) -> None:
    extension = example("algorithm")
    recipe = starter_with(POLICY, tmp_path / "first", extensions=f'extensions = ["../{extension.name}"]')
    with temporary(ALGORITHMS):
        assert run(["run", str(recipe), "--out", str(tmp_path / "run"), *SMALL]) == 0
    rows = [json.loads(line) for line in (tmp_path / "run/policy/metrics.jsonl").read_text().splitlines()]
    assert rows[0]["loss"] > 0
    page = re.sub("<[^>]*>", "", (tmp_path / "run/report.html").read_text())
    assert f"SLiC then trained the policy on the pairs themselves, in {len(rows)} step" in page


def test_without_the_extension_the_kind_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(starter_with(POLICY, tmp_path / "first"))]) == 2
    assert "recipe.policy.kind: unknown algorithm 'slic'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"slic"', '"dpo"', "algorithm 'dpo' is already registered at"),
        (
            '    anchor = ""  # nothing holds the policy near its start\n',
            "",
            "its anchor 'beta' is not one of",
        ),
        ('"SLiC then trained the policy on the pairs themselves"', '""', "no `sentence` for the report"),
        ('    kind: Literal["slic"] = "slic"\n', "", "it has no name"),
    ],
)
def test_an_algorithm_that_is_not_whole_is_refused(
    old: str, new: str, message: str, example: Callable[[str], Path]
) -> None:
    extension = example("algorithm")
    text = extension.read_text()
    assert old in text
    extension.write_text(text.replace(old, new))
    with temporary(ALGORITHMS), pytest.raises(ExtensionError, match=message):
        load_extensions([extension], extension.parent)
