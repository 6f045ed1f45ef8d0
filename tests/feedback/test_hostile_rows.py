"""Every field of every sample replaced by what does not belong there: read, or refused by its place, never a crash."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign_rows import changed, written
from test_annotation_tools import FIVE, ONE, PAIR, TASK, TEXT
from test_data_sets import FINEGRAINED, GSM8K, MISTAKE, PANDALM, RBR
from test_message_trees import TREE, flat
from test_process_labels import PRM, STEPWISE
from test_rl_prompts import INPUT, MESSAGES, ROLLOUT, VERL

from accord.errors import LedgerError, RecordError
from accord.feedback import ImportSettings, open_feedback

SAMPLES: dict[str, list[list[dict[str, Any]]]] = {
    "oasst": [[TREE], flat(TREE)],
    "argilla": [[PAIR], [ONE]],
    "label_studio": [[TASK], [TEXT]],
    "prm800k": [[PRM]],
    "trl_stepwise": [[STEPWISE]],
    "verl_prompts": [[VERL]],
    "verl_rollouts": [[ROLLOUT]],
    "openrlhf_prompts": [[MESSAGES], [INPUT]],
    "finegrained_rlhf": [[FINEGRAINED]],
    "pandalm": [[PANDALM]],
    "rbr_gold": [[RBR]],
    "bigbench_mistake": [[MISTAKE]],
    "gsm8k": [[GSM8K]],
}
HOSTILE = (None, [{}], "\ud800")


def paths(value: Any, before: str = "") -> Iterator[str]:
    """The paths to everything within a row."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield f"{before}{name}"
        yield from paths(part, f"{before}{name}/")


def refusal_of(file: Path, settings: ImportSettings) -> str | None:
    """Why a file is refused; None where it is read."""
    try:
        assert all(record.id for record in open_feedback(file, settings).records())
    except (RecordError, LedgerError) as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", SAMPLES)
def test_what_does_not_belong_there_is_refused_by_its_place(tmp_path: Path, name: str) -> None:
    settings = ImportSettings(format=name, scale=FIVE)
    for first, *others in SAMPLES[name]:
        for path in paths(first):
            for value in HOSTILE:
                refusal = refusal_of(written(tmp_path, changed(first, path, value), *others), settings)
                assert refusal is None or "f.jsonl" in refusal, (path, value)
