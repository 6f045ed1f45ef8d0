"""Tools that were called, what they gave and what stands beside a text are seen by whoever judges."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_studies import KINDS, Forms, lay_out, opened, visiting

CALL = {"name": "weather", "arguments": '{"city": "<b>Bern</b>"}', "id": "t1"}
PICTURE = {"kind": "image", "uri": "https://example.org/sky.png"}
PROMPT = {"messages": [{"role": "user", "content": "Does it rain?", "attachments": [PICTURE]}]}


def answer(text: str, told: str) -> dict[str, Any]:
    """An answer after a call of a tool, which told something."""
    turns = [
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": told, "tool_call_id": "t1", "name": "weather"},
        {"role": "assistant", "content": text},
    ]
    return {"text": text, "turns": turns}


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"demonstration"}))
def test_what_came_before_an_answer_is_shown_in_order(tmp_path: Path, kind: str) -> None:
    several = 2 if kind in {"comparison", "ranking"} else 1
    study = lay_out(tmp_path, kind)
    line = {"prompt": PROMPT, "completions": [answer("No.", f"dry {number}") for number in range(several)]}
    (study.parent / "items.jsonl").write_text(json.dumps(line) + "\n")
    with opened(study, tmp_path / "l.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
    text = Forms(page).text
    assert "https://example.org/sky.png" in text
    assert "image, not loaded" in text
    assert "<img" not in page
    for number in range(several):
        call, gave = text.index('weather({"city": "<b>Bern</b>"})'), text.index(f"dry {number}")
        assert call < gave < text.rindex("No.")
