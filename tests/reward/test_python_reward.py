"""A function of the user's own as a reward: what it may return, what is refused, and that its file stays the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accord.errors import ArtefactError, ExtensionError
from accord.records import Completion, Prompt
from accord.reward import PythonReward
from accord.run import RunDirectory
from small_data import letters_dataset

DATA = letters_dataset(prompts=3)
PROMPT = Prompt.ask("Write")
TEXTS = [Completion(prompt=PROMPT.id, text=text) for text in ("a", "bb")]
LENGTHS = "def score(prompts, completions):\n    return [len(each.text) for each in completions]\n"


def trained(folder: Path, source: str, *, function: str = "score") -> tuple[PythonReward, RunDirectory]:
    """The settings for a function in a file, and a run whose reward stage has noted it."""
    (folder / "mine.py").write_text(source)
    settings = PythonReward(path=f"mine.py:{function}").anchored(folder)
    run = RunDirectory.create(folder / "run")
    assert not settings.trained(run)
    assert list(settings.steps(DATA, run)) == []
    assert settings.trained(run)
    return settings, run


def scored(folder: Path, source: str) -> Any:
    settings, run = trained(folder, source)
    return settings.load(run).score([PROMPT] * 2, TEXTS)


def test_a_function_gives_scores(tmp_path: Path) -> None:
    scores = scored(tmp_path, LENGTHS)
    assert scores.value_N.tolist() == [1.0, 2.0]
    assert scores.scale is scores.tokens_N is scores.std_N is None


def test_a_function_may_return_arrays_or_scores(tmp_path: Path) -> None:
    source = "import numpy as np\n\ndef score(prompts, completions):\n    return np.arange(len(completions))\n"
    assert scored(tmp_path, source).value_N.dtype == np.float64
    (tmp_path / "other").mkdir()
    source = (
        "import numpy as np\nfrom accord.interfaces import Scores\n\ndef score(prompts, completions):\n"
        "    return Scores(np.array([0.0, 1.0]), components={'short': Scores(np.array([1.0, 0.0]))})\n"
    )
    assert scored(tmp_path / "other", source).components["short"].value_N.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return [1.0]", r"mine.py:1: .*numbers of shape \(1,\) for 2 completions.*return a finite number for each"),
        ("return [1.0, float('nan')]", r"mine.py:1: .*scores \[1\] are not finite"),
        ("return None", r"mine.py:1: .*return a finite number for each completion"),
        ("return ['good', 'bad']", r"mine.py:1: .*return a finite number for each completion"),
        ("return [1 / 0 for _ in completions]", r"mine.py:2: ZeroDivisionError: division by zero; mend"),
    ],
)
def test_what_it_may_not_do_names_file_line_and_remedy(body: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match=message):
        scored(tmp_path, f"def score(prompts, completions):\n    {body}\n")


def test_a_missing_function_names_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match=r"mine.py: no function 'scor'; did you mean 'score'"):
        trained(tmp_path, LENGTHS, function="scor")


def test_a_run_goes_on_with_the_same_file_alone(tmp_path: Path) -> None:
    settings, run = trained(tmp_path, LENGTHS)
    noted = run.manifest.inputs["reward: mine.py"]
    assert noted.path == "../mine.py"
    (tmp_path / "mine.py").write_text(LENGTHS.replace("len(", "-len("))
    with pytest.raises(ArtefactError, match=r"not the file that the stage 'reward' of .* noted; put that one back"):
        settings.load(run)
    with pytest.raises(ArtefactError, match="the stage 'judged' has not noted"):
        settings.load(run, stage="judged")


def test_a_file_that_is_not_there_is_said_before_anything_is_started(tmp_path: Path) -> None:
    assert PythonReward(path=f"{tmp_path}/no.py:score").problems() == [f"path: no file {tmp_path}/no.py"]
    (tmp_path / "own.py").write_text("def score(prompts, completions):\n    return [0.0] * len(completions)\n")
    assert PythonReward(path=f"{tmp_path}/own.py:score").problems() == []
    (problem,) = PythonReward(path=f"{tmp_path}/own.py:scores").problems()
    assert "no function 'scores'; did you mean 'score'" in problem
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (problem,) = PythonReward(path=f"{tmp_path}/broken.py:score").problems()
    assert "broken.py:1: ZeroDivisionError" in problem
