"""The files of a study with several questions, as small as the others are."""

import json
from pathlib import Path
from typing import Any

from small_studies import KINDS, lay_out

__all__ = ["IN_TURN", "TOGETHER", "lay_out_several"]

IN_TURN = """
[[questions]]
name = "better"
kind = "comparison"
text = "Which answer helps more?"

[[questions]]
name = "clear"
kind = "rating"
text = "How clear is the better one?"
about = "preferred"
hint = "Read it as somebody who knows nothing about it."
scale = {low = 1, high = 7, step = 1, low_label = "muddled", high_label = "clear"}

[[questions]]
name = "fixed"
kind = "correction"
text = "Put the better one right."
about = "preferred"
required = false
"""

TOGETHER = """
[[questions]]
name = "better"
kind = "comparison"
text = "Which answer helps more?"
strength = true

[[questions]]
name = "clear"
kind = "rating"
text = "How clear is it?"
about = 1
scale = {low = 1, high = 7, step = 1, low_label = "muddled", high_label = "clear"}

[[questions]]
name = "faults"
kind = "label"
text = "What is the matter with it?"
labels = ["rude", "false", "evasive"]
about = 2

[[questions]]
name = "wrong"
kind = "spans"
text = "Mark what is wrong."
span_types = ["wrong", "misleading"]
about = 1
required = false

[[questions]]
name = "own"
kind = "demonstration"
text = "How would you answer?"
required = false
"""


def lay_out_several(folder: Path, questions: str, *, top: str = "", items: Any = None, **more: Any) -> Path:
    """The files of a study with these questions about the items of a comparison; returns the study's."""
    study = lay_out(folder, "comparison", top=top, **more)
    head = study.read_text(encoding="utf-8").split("\n[[questions]]")[0]
    ask = 'ask = "together"\n' if questions == TOGETHER else ""
    study.write_text(f"{head}\n{ask}{questions}", encoding="utf-8")
    lines = KINDS["comparison"]["items"] if items is None else items
    (study.parent / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return study
