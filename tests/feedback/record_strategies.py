"""Hypothesis strategies of whole records: every kind of judgement, every optional field."""

from datetime import datetime

from hypothesis import strategies as st

from accord.records import (
    Assistance,
    Attachment,
    Comparison,
    Completion,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Message,
    Prompt,
    Ranking,
    Rating,
    Record,
    Sampling,
    Scale,
    Span,
    Spans,
    Steps,
    Telemetry,
    ToolCall,
    Usage,
)

printable = st.characters(codec="utf-8", exclude_categories=["Z", "C"])
names = st.text(printable, min_size=1, max_size=8)
texts = st.text(max_size=20)
units = st.floats(0, 1)
counts = st.integers(0, 2**40)
seconds = st.floats(0, 1e6)
scores = st.floats(-1e6, 1e6)

tool_calls = st.builds(ToolCall, name=names, arguments=texts, id=st.none() | names)
attachments = st.builds(
    Attachment, kind=st.sampled_from(["image", "audio", "video", "file"]), uri=names, place=st.integers(0, 5)
)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=texts,
    name=st.none() | names,
    tool_calls=st.none() | st.lists(tool_calls, min_size=1, max_size=2).map(tuple),
    tool_call_id=st.none() | names,
    attachments=st.none() | st.lists(attachments, min_size=1, max_size=2).map(tuple),
)
conversations = st.lists(messages, min_size=1, max_size=3).map(tuple)
prompts = st.builds(
    Prompt,
    messages=conversations,
    source=st.none() | names,
    mode=st.none() | st.sampled_from(["text", "knowledge", "creative"]),
)
evaluators = st.builds(
    Evaluator,
    kind=st.sampled_from(["person", "model", "rule", "simulated"]),
    pseudonym=names,
    pool=st.none() | names,
    attributes=st.none() | st.dictionaries(names, texts, max_size=2),
    recruitment=st.none() | texts,
    payment=st.none() | texts,
    training=st.none() | texts,
    inferred=st.none() | st.booleans(),
)
samplings = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0.1, 1),
    top_k=st.integers(0, 50),
    max_tokens=st.integers(1, 4096),
    seed=st.none() | st.integers(-(2**31), 2**31),
    stop=st.none() | st.lists(names, min_size=1, max_size=2).map(tuple),
)
scales = st.builds(
    Scale,
    low=st.floats(-9, 0),
    high=st.floats(1, 9),
    step=st.none() | st.just(0.5),
    low_label=st.none() | texts,
    high_label=st.none() | texts,
)


@st.composite
def completions(draw: st.DrawFn, prompt: str) -> Completion:
    """An answer to the prompt of this id; its text is of two or more characters, so that it can have steps."""
    text = draw(st.text(printable, min_size=2, max_size=20))
    return Completion(
        prompt=prompt,
        text=text,
        token_ids=draw(st.none() | st.lists(st.integers(0, 9), max_size=3).map(tuple)),
        writer=draw(st.none() | names),
        sampling=draw(st.none() | samplings),
        step_starts=draw(st.none() | st.just((0, 1))),
        finish_reason=draw(st.none() | st.sampled_from(["eos", "length", "stop"])),
        turns=draw(st.none() | conversations),
    )


@st.composite
def ratings(draw: st.DrawFn) -> Rating:
    """A number on a scale of its own."""
    scale = draw(scales)
    return Rating(value=draw(st.floats(scale.low, scale.high)), scale=scale)


@st.composite
def labels(draw: st.DrawFn) -> Label:
    """Some of the options, or none of them."""
    options = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    return Label(selected=tuple(draw(st.lists(st.sampled_from(options), unique=True))), options=tuple(options))


spans = st.builds(
    lambda start, length, type, note: Span(start=start, end=start + length, type=type, note=note),
    st.integers(0, 9),
    st.integers(1, 9),
    names,
    st.none() | texts,
)
JUDGEMENTS: dict[str, tuple[st.SearchStrategy[Judgement], int]] = {
    "comparison": (
        st.builds(
            Comparison,
            preferred=st.sampled_from(["left", "right", "tie"]),
            strength=st.none() | units,
            scores=st.none() | st.tuples(scores, scores),
        ),
        2,
    ),
    "ranking": (st.permutations([0, 1, 2]).map(lambda p: Ranking(tiers=((p[0],), (p[1], p[2])))), 3),
    "rating": (ratings(), 1),
    "label": (labels(), 1),
    "spans": (st.builds(Spans, spans=st.lists(spans, max_size=2).map(tuple)), 1),
    "steps": (
        st.builds(
            Steps, verdicts=st.lists(st.sampled_from(["right", "wrong", "unsure"]), min_size=1, max_size=3).map(tuple)
        ),
        1,
    ),
    "correction": (st.builds(Correction, text=texts), 1),
    "critique": (
        st.builds(Critique, text=names, start=st.none() | st.integers(0, 3), end=st.none() | st.integers(4, 9)),
        1,
    ),
    "demonstration": (st.builds(Demonstration, text=names), 0),
    "declined": (st.builds(Declined, reason=st.none() | texts), 2),
}
"""For each kind of judgement its strategy, and how many completions it is about."""

telemetry = st.builds(
    Telemetry,
    pasted=st.none() | counts,
    keystrokes=st.none() | counts,
    focus_lost=st.none() | counts,
    active_seconds=st.none() | seconds,
)
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    requests=st.integers(1, 5),
    cost=st.none() | seconds,
    currency=st.none() | names,
)


@st.composite
def acts(draw: st.DrawFn, kind: str, asked: Prompt, by: Evaluator, about: list[Completion]) -> Feedback:
    """One act of judgement of this kind, with any of what may stand beside it."""
    strategy, number = JUDGEMENTS[kind]
    judgement = draw(strategy)
    remark = st.builds(
        Assistance,
        kind=st.sampled_from(["critique", "spans", "suggestion"]),
        by=st.just(by.id),
        shown=st.booleans(),
        digest=st.none() | names,
        suggested=st.none() | st.just(judgement),
    )
    return Feedback(
        evaluator=by.id,
        prompt=asked.id,
        completions=tuple(completion.id for completion in about[:number]),
        judgement=judgement,
        study=draw(st.none() | names),
        instructions=draw(st.none() | names),
        shown_digest=draw(st.none() | names),
        available_digest=draw(st.none() | names),
        time=draw(st.none() | st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.timezones())),
        seconds=draw(st.none() | seconds),
        session=draw(st.none() | names),
        position_in_session=draw(st.none() | counts),
        round=draw(st.none() | counts),
        gold=draw(st.none() | st.just(judgement)),
        telemetry=draw(st.none() | telemetry),
        assistance=draw(st.none() | remark),
        usage=draw(st.none() | usages),
        conversation=draw(st.none() | names),
        principle=draw(st.none() | names),
        comment=draw(st.none() | names),
        language=draw(st.none() | names),
    )


@st.composite
def ledgers(draw: st.DrawFn) -> list[Record]:
    """An act of judgement of every kind, about answers to one prompt; one vote cast twice, and one taken back."""
    asked, by = draw(prompts), draw(evaluators)
    about = draw(st.lists(completions(asked.id), min_size=3, max_size=3, unique_by=lambda completion: completion.id))
    feedback = [draw(acts(kind, asked, by, about)) for kind in JUDGEMENTS]
    twice = feedback[0].model_copy(update={"occurrence": 1})
    later = [feedback[1].model_copy(update={field: feedback[1].id}) for field in ("replaces", "repeat_of")]
    return [asked, by, *about, *feedback, twice, *later]
