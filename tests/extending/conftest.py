"""The extensions that CONTRIBUTING.md walks through, as the files that the tests of this folder use."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from accord.audit import CHALLENGES, CHECKS
from accord.audit.settings import FAMILIES
from accord.extensions import temporary
from accord.feedback import FORMATS
from accord.lab import FAULTS
from accord.policy import ALGORITHMS
from accord.reward import REWARDS

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
EXAMPLE = re.compile(r"^### An? (\w+): `(\w+\.py)`\n(?:(?!^### ).)*?^```py\n(.*?)^```$", re.M | re.S)


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    with temporary(ALGORITHMS, CHALLENGES, CHECKS, FAMILIES, FAULTS, FORMATS, REWARDS):
        yield


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the example of a kind ("fault") into a folder of the test's own and returns the file."""
    examples = {kind: (name, text) for kind, name, text in EXAMPLE.findall(CONTRIBUTING.read_text())}

    def write(kind: str) -> Path:
        name, text = examples[kind]
        assert text.count("\n") < 40, f"the {kind} of CONTRIBUTING.md is not under 40 lines"
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
