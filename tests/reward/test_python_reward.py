"""A function of the user's own as a reward: what it may return, what is refused, and that its file stays the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import accord
from accord import recipe
from accord.artefacts import METRICS, SAMPLES
from accord.errors import ArtefactError, ExtensionError
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.records import Completion, Prompt
from accord.reward import PythonReward
from accord.run import RunDirectory
from small_data import letters_dataset

DATA = letters_dataset(prompts=3)
QUIET = ProgressDisplay(quiet=True)
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
        (
            "return ['1', '2']",
            r"mine.py:1: .*texts or times, not numbers: \['1', '2'\].*a finite number for",
        ),
        ("return [1, 2, 3]", r"mine.py:1: .*numbers of shape \(3,\) for 2 completions"),
        ("return [[1, 2]]", r"mine.py:1: .*numbers of shape \(1, 2\) for 2 completions"),
        ("return []", r"mine.py:1: .*numbers of shape \(0,\) for 2 completions"),
        ("return 1.0", r"mine.py:1: .*numbers of shape \(\) for 2 completions"),
        ("return (1.0 for _ in completions)", r"mine.py:1: .*return a finite number for each completion"),
        ("return [1.0, float('nan')]", r"mine.py:1: .*nan for the text 'bb' of prompt p-\w+ \('Write'\)"),
        ("return [float('-inf'), 1.0]", r"mine.py:1: .*-inf for the text 'a' of prompt p-\w+ \('Write'\)"),
        ("return [10**400, 1]", r"mine.py:1: .*too large.*; return a finite number for each completion"),
        ("return [1 + 2j, 3 + 0j]", r"mine.py:1: .*complex numbers.*; return a finite number for each completion"),
        (
            "import numpy as np; return np.ma.masked_array([1.0, 9.0], [False, True])",
            r"mine.py:1: .*masked in part.*; return a finite number for each completion",
        ),
        (
            "import torch; return torch.ones(2, requires_grad=True)",
            r"mine.py:1: .*requires grad.*; return a finite number for each completion",
        ),
        (
            "from accord.interfaces import Scores; return Scores([1.0, 2.0])",
            r"mine.py:2: ValueError: scores are a list; make them a numpy array of floats; mend",
        ),
        ("raise SystemExit(3)", r"mine.py:2: SystemExit: 3; mend"),
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


@pytest.mark.filterwarnings("error")
def test_an_async_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExtensionError, match=r"mine.py:1: an async function; write def, and asyncio.run"):
        scored(tmp_path, "async def score(prompts, completions):\n    return [0.0] * len(completions)\n")


def test_a_function_that_takes_too_long_is_left_alone(tmp_path: Path) -> None:
    """It waits for an event that nobody sets; the test does not."""
    source = "import threading\n\ndef score(prompts, completions):\n    threading.Event().wait()\n"
    settings, run = trained(tmp_path, source)
    judge = settings.model_copy(update={"timeout": 0.05}).load(run)
    with pytest.raises(ExtensionError, match=r"mine.py:3: took longer than 0.05 s for 2 completions; make it"):
        judge.score([PROMPT] * 2, TEXTS)


def test_within_its_time_a_function_is_what_it_is_without_a_limit(tmp_path: Path) -> None:
    settings, run = trained(tmp_path, LENGTHS)
    judge = settings.model_copy(update={"timeout": 60.0}).load(run)
    assert judge.score([PROMPT] * 2, TEXTS).value_N.tolist() == [1, 2]
    (tmp_path / "other").mkdir()
    settings, run = trained(tmp_path / "other", "def score(prompts, completions):\n    return [1 / 0]\n")
    with pytest.raises(ExtensionError, match=r"mine.py:2: ZeroDivisionError: division by zero; mend"):
        settings.model_copy(update={"timeout": 60.0}).load(run).score([PROMPT] * 2, TEXTS)
    with pytest.raises(ValidationError, match="timeout"):
        PythonReward(path="mine.py:score", timeout=0)


FLAKY = """
from pathlib import Path

COUNTDOWN = Path(__file__).with_name("countdown")

def score(prompts, completions):
    if COUNTDOWN.is_file():
        left = int(COUNTDOWN.read_text()) - 1
        COUNTDOWN.write_text(str(left))
        if left <= 0:
            raise ConnectionError("the service is away")
    return [-abs(len(each.text) - 40.0) for each in completions]
"""
SMALL_RUN = """
[data]
ledger = "feedback.db"
source = "{source}"
format = "trl_preference"
train = 0.6
eval_reward = 0
held_out = 0.4
[reward]
kind = "python"
path = "flaky.py:score"
[policy]
kind = "rloo"
base = "tiny"
dtype = "float32"
max_steps = 4
save_every = 1
prompts_per_step = 2
group_size = 2
sampling = {{ max_tokens = 8 }}
"""


def test_what_was_learnt_before_a_function_failed_is_kept(tmp_path: Path) -> None:
    """The run goes on from its last checkpoint, and ends as one does that was never interrupted."""
    source = Path(accord.__file__).parent / "loop/starter/feedback.jsonl"
    samples = {}
    for name in ("whole", "broken"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "flaky.py").write_text(f"{FLAKY}# {name}\n")  # a file is loaded once a process and content
        (folder / "recipe.toml").write_text(SMALL_RUN.format(source=source))
        settings = recipe.load(folder / "recipe.toml")
        with start_run(settings, folder / "run", resume=False) as run:
            drive(settings, run, QUIET, only=("data", "reward"))
            if name == "broken":
                (folder / "countdown").write_text("3")
                with pytest.raises(ExtensionError, match=r"flaky.py:11: ConnectionError: the service is away; mend"):
                    drive(settings, run, QUIET, only=("policy",))
                (folder / "countdown").unlink()
        with start_run(settings, folder / "run", resume=True) as run:
            drive(settings, run, QUIET, only=("policy",))
            assert [row.step for row in METRICS.read(run, "policy")] == [1, 2, 3, 4]
            samples[name] = [(row.step, row.text, row.reward) for row in SAMPLES.read(run, "policy")]
    assert samples["whole"] == samples["broken"]
