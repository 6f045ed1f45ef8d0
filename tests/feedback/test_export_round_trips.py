"""What any ledger holds, written in a format of others and read back: the same again, or counted as lost."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_strategies import JUDGEMENTS
from record_strategies import ledgers as arbitrary_ledgers

from accord.feedback import FORMATS, ImportSettings, Ledger, export_feedback, open_feedback
from accord.feedback.formats import chatbot_arena, helpsteer2, open_webui_rows, pku_saferlhf, thumbs, ultrafeedback
from accord.feedback.provenance import shown_digest, unknown_evaluator
from accord.records import (
    Attachment,
    Comparison,
    Completion,
    Critique,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Message,
    Prompt,
    Rating,
    Record,
    Scale,
    ToolCall,
)

T = TypeVar("T")
PREFERENCES = (
    "anthropic_hh",
    "trl_preference",
    "trl_unpaired",
    "trl_prompt_completion",
    "ultrafeedback_binarized",
    "ultrafeedback",
    "helpsteer2",
    "helpsteer2_preference",
    "helpsteer3",
    "openai_preference",
    "reward_bench",
    "chatbot_arena",
    "shp",
    "webgpt",
    "pku_saferlhf",
    "llama_factory",
    "open_webui",
    "sharegpt",
)
# What is counted, beside kinds, where a whole judgement stays out of a file.
LEFT_OUT = {
    "taken back",
    "ties",
    "prompts that are conversations",
    "prompts that are no plain turns",
    "prompts whose end the row cannot tell",
    "answers of several messages",
    "answers that begin alike",
    "conversations that are no plain turns",
    "judgements of messages that its rows cannot hold",
    "preferences without a strength",
    "ratings on another scale",
    "ratings that are none of its attributes",
    "ratings that are no thumbs",
    "judgements of none of its aspects",
    "judgements of answers that were never compared",
    "comparisons of neither aspect",
    "comparisons of answers without writers",
    "critiques of answers that were never compared",
    "remarks without a thumb or a comparison",
    "labels",
}

words = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=6)
user = words.map(lambda text: Message(role="user", content=text))
assistant = words.map(lambda text: Message(role="assistant", content=text))
system = words.map(lambda text: Message(role="system", content=text))
image = words.map(
    lambda text: Message(role="user", content=text, attachments=(Attachment(kind="image", uri="x.png", place=1),))
)
called = st.builds(
    lambda name: Message(role="assistant", content="", tool_calls=(ToolCall(name=name, arguments='{"a": 1}'),)), words
)
told = words.map(lambda text: Message(role="tool", content=text))


def mostly(usual: st.SearchStrategy[T], other: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Three times in four the one, else the other: what is usual is what most formats can hold."""
    return st.integers(0, 3).flatmap(lambda number: usual if number else other)


plain_prompts = st.builds(
    Prompt,
    messages=mostly(
        st.tuples(user),
        st.one_of(
            st.tuples(system, user), st.tuples(user, assistant, user), st.tuples(image), st.tuples(user, called, told)
        ),
    ),
    source=st.none() | words | words.map(lambda name: f"set/{name}"),
)
people = st.one_of(
    st.builds(Evaluator, kind=st.sampled_from(["person", "model"]), pseudonym=words, pool=st.none() | words),
    words.map(unknown_evaluator),
)
RATINGS: dict[str, tuple[list[float], Scale, list[str | None]]] = {
    "trl_unpaired": ([0, 1], thumbs.DESIRABLE, [None, "s"]),
    "open_webui": ([-1, 1], open_webui_rows.THUMBS, [None, "s"]),
    "details": ([1, 7], open_webui_rows.DETAILS, ["s.details"]),
    "helpsteer2": ([0, 4], helpsteer2.SCALE, [f"s.{name}" for name in helpsteer2.ATTRIBUTES]),
    "ultrafeedback": ([1, 5], ultrafeedback.SCALE, [*ultrafeedback.ASPECTS]),
    "overall": ([1, 8.5], ultrafeedback.OVERALL_SCALE, ["s.overall"]),
    "pku_saferlhf": ([0, 3], pku_saferlhf.SCALE, ["pku_saferlhf.severity"]),
}
"""Values, scale and studies of ratings that some formats can hold."""


def ratings_of(name: str) -> st.SearchStrategy[tuple[Judgement, str | None]]:
    values, scale, studies = RATINGS[name]
    return st.tuples(st.builds(Rating, value=st.sampled_from(values), scale=st.just(scale)), st.sampled_from(studies))


labels = st.sampled_from(
    [
        (Label(selected=("safe",), options=pku_saferlhf.SAFETY), "pku_saferlhf.safe"),
        (Label(selected=("unsafe",), options=pku_saferlhf.SAFETY), "s.safe"),
        (Label(selected=("a",), options=("a", "b")), "s.harm"),
        (Label(selected=("bad",), options=chatbot_arena.BAD), None),
    ]
)
critiques = st.tuples(
    words.map(lambda text: Critique(text=text)), st.sampled_from(["s.honesty", "s.overall", "s.comment", "s", None])
)
comparisons = st.tuples(
    st.builds(
        Comparison,
        preferred=mostly(st.sampled_from(["left", "right"]), st.just("tie")),
        strength=st.sampled_from([None, 1 / 3, 2 / 3, 1.0, 0.4]),
        scores=st.sampled_from([None, (1.0, 0.0), (0.0, 1.0), (0.5, -0.5), (-0.5, 0.5), (0.0, 0.0)]),
    ),
    st.sampled_from(["s.helpfulness", "pku_saferlhf.safety", "s", None]),
)
demonstrations = st.tuples(words.map(lambda text: Demonstration(text=text)), st.none() | words)
others: st.SearchStrategy[tuple[Judgement, str | None]] = st.one_of(
    *(strategy.map(lambda judgement: (judgement, None)) for strategy, _ in JUDGEMENTS.values())
)


def said_in(form: str) -> st.SearchStrategy[tuple[Judgement, str | None]]:
    """Judgements and their studies: mostly of the kinds that the format holds, with what belongs to other formats."""
    by_kind = {
        "comparison": comparisons,
        "rating": ratings_of(form if form in RATINGS else "trl_unpaired"),
        "label": labels,
        "critique": critiques,
        "demonstration": demonstrations,
    }
    held = st.one_of(*(by_kind[kind] for kind in sorted(FORMATS.get(form).carries)))
    return mostly(held, st.one_of(others, *map(ratings_of, RATINGS)))


@st.composite
def feedback(draw: st.DrawFn, form: str, asked: Prompt, who: Evaluator, answers: Sequence[Completion]) -> Feedback:
    judgement, study = draw(said_in(form))
    number = JUDGEMENTS[judgement.kind][1]
    about = draw(st.permutations(answers))[:number]
    zone = draw(st.sampled_from([UTC, timezone(timedelta(hours=2))]))
    return Feedback(
        evaluator=who.id,
        prompt=asked.id,
        completions=tuple(answer.id for answer in about),
        judgement=judgement,
        study=study,
        shown_digest=draw(st.none() | st.just(shown_digest(asked, about))),
        time=draw(st.none() | st.just(datetime(2026, 5, 4, 12, tzinfo=zone))),
        session=draw(st.none() | words),
        conversation=draw(st.none() | words),
    )


@st.composite
def plain_ledgers(draw: st.DrawFn, form: str) -> list[Record]:
    """A few judgements about answers to a prompt that most formats can hold."""
    asked, who = draw(plain_prompts), draw(people)
    texts = draw(st.lists(words, min_size=3, max_size=3, unique=True))
    writers = draw(st.lists(words | st.none(), min_size=3, max_size=3))
    turns = (Message(role="assistant", content=texts[2]), Message(role="user", content="more"))
    turns = (*turns, Message(role="assistant", content=texts[0]))
    several = draw(mostly(st.none(), st.just(turns)))
    answers = [
        Completion(prompt=asked.id, text=text, writer=writer, turns=several if text == texts[2] else None)
        for text, writer in zip(texts, writers, strict=True)
    ]
    acts = draw(st.lists(feedback(form, asked, who, answers), min_size=1, max_size=6, unique_by=lambda act: act.id))
    return [asked, who, *answers, *acts]


@dataclass
class Ledgers:
    """Ledgers in a folder, each a copy of an empty one: making one takes longer than all that is tested here."""

    folder: Path

    def __post_init__(self) -> None:
        self.empty = self.folder / "empty.db"
        with Ledger(self.empty):
            pass

    def of(self, records: Sequence[Record], name: str) -> Ledger:
        path = Path(shutil.copy(self.empty, self.folder / f"{name}.db"))
        ledger = Ledger(path)
        ledger.extend(records)
        return ledger


@pytest.fixture(scope="module")
def empty() -> Iterator[Ledgers]:
    with tempfile.TemporaryDirectory() as folder:
        yield Ledgers(Path(folder))


def through(ledgers: Ledgers, records: Sequence[Record], form: str, name: str) -> tuple[list[Record], dict[str, int]]:
    """What the records are after they were written and read, and what the writing lost."""
    path = ledgers.folder / f"{name}.jsonl"
    with ledgers.of(records, name) as ledger:
        exported = export_feedback(ledger, path, form)
    if not exported.records:
        return [], exported.lost
    return list(open_feedback(path, ImportSettings(format=form)).records()), exported.lost


def ids(records: Sequence[Record]) -> set[str]:
    return {record.id for record in records if isinstance(record, Feedback)}


@pytest.mark.parametrize("form", PREFERENCES)
@given(st.data())
@settings(max_examples=8, deadline=None)
def test_what_a_format_holds_comes_back_and_what_it_cannot_is_counted(
    empty: Ledgers, form: str, data: st.DataObject
) -> None:
    records = data.draw(plain_ledgers(form))
    first, lost = through(empty, records, form, "first")
    again, lost_again = through(empty, first, form, "again")
    assert ids(again) == ids(first)
    assert lost_again == {}
    left_out = sum(number for name, number in lost.items() if name in LEFT_OUT or name in JUDGEMENTS)
    came_back = sum(isinstance(record, Feedback) for record in first)  # two that differ in what is lost count twice
    assert len(ids(records)) <= came_back + left_out
    assert all(record.judgement.kind in FORMATS.get(form).carries for record in first if isinstance(record, Feedback))


@given(arbitrary_ledgers())
@settings(max_examples=4, deadline=None)
def test_whatever_stands_in_a_ledger_is_written_or_counted(empty: Ledgers, records: list[Record]) -> None:
    kinds = Counter(record.judgement.kind for record in records if isinstance(record, Feedback))
    kinds["ranking"] -= 1  # the one that is taken back
    with empty.of(records, "any") as ledger:
        for form in PREFERENCES:
            exported = export_feedback(ledger, empty.folder / "any.jsonl", form)
            carried = FORMATS.get(form).carries
            assert {kind: exported.lost.get(kind) for kind in kinds if kind not in carried} == {
                kind: number for kind, number in kinds.items() if kind not in carried
            }
            assert exported.lost["taken back"] == 1
