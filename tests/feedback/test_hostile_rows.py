"""Rows of anything at all are read, or refused in words: nothing but accord's own errors comes out."""

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.errors import AccordError, RecordError
from accord.feedback import FORMATS, ImportSettings, Reading, SourceRow
from accord.feedback.formats.conversations import messages_of
from accord.records import Message, Record

NUMBERS = st.integers() | st.floats() | st.just(10**400) | st.just(-1e308) | st.just(math.inf)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=6) | st.sampled_from(["user", "tie", "[]", "{", "[1]"])
KEYS = ["role", "content", "from", "value", "type", "text", "image_url", "url", "tool_calls", "name", "function",
        "arguments", "function_call", "bytes", "path"]  # fmt: skip
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
)


@settings(max_examples=150, deadline=None)
@given(ANYTHING)
def test_any_conversation(value: Any) -> None:
    with contextlib.suppress(RecordError):
        assert all(isinstance(message, Message) for message in messages_of(value, "place"))


@pytest.mark.parametrize("name", [form.name for form in FORMATS if form.read is not None and form.columns])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_row_of_every_format(name: str, data: st.DataObject) -> None:
    form = FORMATS.get(name)
    columns = sorted(form.columns | {"evaluator", "time", "seconds", "strength", "round"})
    content = data.draw(st.dictionaries(st.sampled_from(columns), ANYTHING, max_size=6))
    assert form.read is not None
    reading = Reading(name, ImportSettings(scale=[1, 5], options=("a", "b")))  # type: ignore[arg-type]
    with contextlib.suppress(AccordError):
        if form.recognises is not None:
            form.recognises([content])
        if form.unit is not None:
            hash(form.unit(content))
        assert all(isinstance(record, Record) for record in form.read([SourceRow("place", content)], reading))
