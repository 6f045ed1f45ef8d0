"""A run whose reward is calibrated on people of whom nothing was learnt: the file beside the judge, card and page."""

import random
import re
from pathlib import Path

from accord import recipe
from accord.artefacts import CALIBRATION, CARD, RunReader
from accord.feedback import Ledger, read_data
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt
from accord.report import write
from accord.report.cards import judge_cards
from accord.reward import load_calibration

RECIPE = """
[data]
ledger = "{ledger}"
split_by = "evaluator"
train = 0.4
eval_reward = 0.0
held_out = 0.6

[reward]
base = "tiny"
dtype = "float32"
ensemble_size = 3
calibrate = "temperature"
epochs = 1
optim = {{ lr = 1e-3, warmup_steps = 2 }}
"""


def opinions(path: Path) -> None:
    """Ten groups of five people compare eight pairs of texts of their own; seven of ten times they like the first."""
    draw = random.Random(0)
    records: list[object] = []
    for group in range(10):
        people = [Evaluator(kind="person", pseudonym=f"e{group}-{i}") for i in range(5)]
        records += people
        for number in range(8):
            prompt = Prompt.ask(f"What is lake {number} of region {group} like?")
            texts = [Completion(prompt=prompt.id, text=f"Lake {number} is {word}.") for word in ("deep", "wet")]
            records += [prompt, *texts]
            for person in people:
                judgement = Comparison(preferred="left" if draw.random() < 0.7 else "right")
                names = tuple(each.id for each in texts)
                records.append(Feedback(evaluator=person.id, prompt=prompt.id, completions=names, judgement=judgement))
    with Ledger(path) as ledger:
        ledger.extend(records)


def test_a_reward_is_calibrated_on_people_of_whom_nothing_was_learnt(tmp_path: Path) -> None:
    opinions(tmp_path / "l.db")
    settings = recipe.parse(RECIPE.format(ledger=tmp_path / "l.db"))
    with start_run(settings, tmp_path / "run", resume=False) as run:
        drive(settings, run, ProgressDisplay(quiet=True), only=("data", "reward"))
        found, card, data = CALIBRATION.read(run, "reward"), CARD.read(run, "reward"), read_data(run)
        calibration = load_calibration(run)
        page = re.sub("<[^>]*>", "", write(run).read_text(encoding="utf-8"))
        sentences = judge_cards(RunReader.of(run))[0].content.sentences
    taught, held_out = ({pair.evaluator for pair in data.pairs[name]} for name in ("train", "held_out"))
    assert not taught & held_out
    assert found.on == "evaluators"
    assert found.units == len(held_out)
    assert found.pairs == len(data.pairs["held_out"])
    assert calibration is not None
    assert calibration.temperature == found.temperature
    assert card.calibration == found  # a temperature has no points
    assert card.member_calibration is not None
    assert card.member_calibration.estimate is not None
    assert any("A temperature of" in each and f"by {found.units} evaluators" in each for each in sentences)
    assert any("disagree as people do (share of 3 members" in each for each in sentences)
    assert "The reward model gives its score of a held-out text a standard deviation of" in page
