"""Whatever is loaded can be answered, whatever can be typed can be sent; limits are told when items are loaded."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_desks import join, lay, opened, task

from accord.collect import KINDS, Study
from accord.collect.study.items import ItemLine, StudyItem, check_item, resolve
from accord.collect.study.kinds import Question
from accord.collect.study.kinds.spans import MAX_SPANS
from accord.collect.study.kinds.steps import MAX_STEPS
from accord.collect.study.line_ends import lines_with_places, with_ends_of, with_plain_ends
from accord.collect.study.questionnaire import Questionnaire
from accord.collect.web.form_parsing import MAX_FIELDS, read
from accord.errors import FormError, RecordError, StudyError
from accord.feedback import Ledger
from accord.records import Completion, Correction, Label, Prompt, Rating, Scale, Span, Spans, Steps

PROMPT = Prompt.ask("What?")
OF_A_PAGE = dict.fromkeys(("_csrf", "shown", "seconds", "pasted", "keystrokes", "focus_lost", "reason"), "x")


def question_of(kind: str, **keys: Any) -> Question:
    """The question of a study that was read from its file."""
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items() if key != "scale")
    scale = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.get("scale", {}).items())
    scale = f"[questions.scale]\n{scale}" if scale else ""
    head = 'name = "s"\ntitle = "T"\n[[questions]]\n'
    return Study.parse(f'{head}kind = "{kind}"\ntext = "Q?"\n{lines}{scale}').question


def item_of(question: Question, *texts: str | dict[str, Any], gold: Any = None) -> StudyItem:
    """A line of the items, as it is loaded."""
    content: dict[str, Any] = {"prompt": "What?", "completions": list(texts)} | ({"gold": gold} if gold else {})
    line = ItemLine.model_validate_json(json.dumps(content))
    return check_item(Questionnaire((question,)), resolve("items.jsonl:1", line, {}, {}), "item", has_writer=False)


def sent(question: Question, page: dict[str, str]) -> dict[str, str]:
    """A page's fields as they arrive, by way of a body."""
    lists = [(name, part) for name, value in page.items() if name in question.multiple for part in value.split(",")]
    others = [(name, value) for name, value in page.items() if name not in question.multiple]
    return read(urlencode([*OF_A_PAGE.items(), *others, *lists]).encode(), question.multiple)


# -- what is loaded can be answered --------------------------------------------------------------------------------

TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\r\n\u2028\u0085\f \t")), max_size=60
)
WORDS = st.text(max_size=8)
NUMBERS = st.floats(allow_nan=True) | st.integers(-20, 20).map(float)


def long_names(n: int) -> list[str]:
    """Names of a hundred characters."""
    return [f"{place:0100}" for place in range(n)]


KEYS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "comparison": {"strength": st.booleans(), "ties": st.booleans()},
    "ranking": {"ties": st.booleans()},
    "rating": {"scale": st.fixed_dictionaries({"low": NUMBERS, "high": NUMBERS}, optional={"step": NUMBERS})},
    "label": {"labels": st.lists(WORDS, max_size=5) | st.integers(1, 300).map(long_names)},
    "spans": {"span_types": st.lists(WORDS, max_size=5)},
    "steps": {},
    "correction": {"longest": st.integers(1, 100)},
    "critique": {"longest": st.integers(1, 100)},
    "demonstration": {"longest": st.integers(1, 100)},
}  # fmt: skip


def answers_of(question: Question, completions: tuple[Completion, ...]) -> dict[str, str]:
    """What the page would send where somebody uses all of it: every label, the last button, a verdict on each step."""
    n = len(completions)
    match question.kind:
        case "comparison":
            return {"preferred": "right"}
        case "ranking":
            return {f"rank-{place}": str(n - place) for place in range(n)}
        case "rating":
            buttons = getattr(question, "buttons")  # noqa: B009 - of this kind alone
            return {"value": buttons[-1].value if buttons else repr(getattr(question, "scale").high)}  # noqa: B009
        case "label":
            return {"chosen": ",".join(getattr(question, "labels"))}  # noqa: B009
        case "spans":
            types = getattr(question, "span_types")  # noqa: B009
            length = len(completions[0].text)
            marks = {} if length else {"none": "1"}
            for row in range(MAX_SPANS if length else 0):
                marks |= {f"start-{row}": "0", f"end-{row}": str(length), f"type-{row}": types[-1]}
                marks |= {f"note-{row}": '"\n\U0001f600'}
            return {"start-0": "", **marks}
        case "steps":
            return {f"step-{place}": "wrong" for place in range(len(getattr(question, "steps")(completions[0])))}  # noqa: B009
        case "correction":
            return {"text": with_plain_ends(completions[0].text).replace("\n", "\r\n"), "unchanged": "1"}
        case _:
            return {"text": "x" * question.longest_text}


@pytest.mark.parametrize("kind", list(KINDS))
@given(data=st.data())
def test_what_is_loaded_can_be_answered(kind: str, data: st.DataObject) -> None:
    keys = {name: data.draw(values, name) for name, values in KEYS[kind].items()}
    number = {"comparison": 2, "ranking": data.draw(st.integers(2, 120)), "demonstration": 0}.get(kind, 1)
    texts = [data.draw(TEXTS) + str(place) * (place > 0) for place in range(min(number, 3))]
    texts += [f"text {place}" for place in range(3, number)]
    try:
        question = question_of(kind, **keys)
        item = item_of(question, *texts)
    except (StudyError, RecordError, ValueError):
        return  # refused when it was loaded (or no JSON and no TOML to begin with)
    page = answers_of(question, item.completions)
    try:
        judgement = question.read(question.answer_form(sent(question, page)), item.completions)
    except FormError:
        # A text of blanks alone is no correction, and nothing can be written of it; it can be declined.
        assert kind == "correction"
        assert not item.completions[0].text.strip()
        return
    assert question.restate(judgement, item.completions) == judgement
    again = question.page_form(question.to_form(judgement))
    assert question.read(question.answer_form(sent(question, again)), item.completions) == judgement


@pytest.mark.parametrize(
    ("kind", "keys", "text", "message"),
    [
        ("steps", {}, "a step\n" * 494, "has 494 steps, and a page asks for 400 at most"),
        ("steps", {}, " \n\t", "holds no step"),
        ("correction", {"longest": 20}, "x" * 21, "has 21 characters, and a correction at most 20; raise"),
        ("correction", {}, "a\0b", "no form sends back"),
    ],
)
def test_what_nobody_could_answer_is_refused_when_it_is_loaded(
    kind: str, keys: dict[str, Any], text: str, message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        item_of(question_of(kind, **keys), text)


def test_a_ranking_of_more_than_a_page_holds_is_refused() -> None:
    with pytest.raises(StudyError, match="101 are more than the 100"):
        item_of(question_of("ranking"), *(f"text {place}" for place in range(101)))


@pytest.mark.parametrize(
    ("kind", "keys", "message"),
    [
        ("label", {"labels": [f"label {n}" for n in range(201)]}, "at most 200"),
        ("label", {"labels": ["a\rb"]}, "cannot be seen"),
        ("label", {"labels": ["none of these"]}, "always offered"),
        ("spans", {"span_types": ["\u200b"]}, "cannot be seen"),
        ("rating", {"scale": {"low": 1, "high": 5, "step": 3}}, "do not reach 5"),
        ("rating", {"scale": {"low": 1, "high": 5, "step": 30}}, "do not reach 5"),
        ("rating", {"scale": {"low": 0, "high": 1, "step": 1e-9}}, "more than 1,000,000"),
        ("rating", {"scale": {"low": -1e308, "high": 1e308}}, "wider than a number can say"),
    ],
)
def test_what_no_page_can_offer_is_refused(kind: str, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        question_of(kind, **keys)


def test_the_largest_forms_can_be_sent() -> None:
    steps = question_of("steps")
    text = "a\n" * MAX_STEPS
    page = {f"step-{place}": "right" for place in range(MAX_STEPS)}
    assert len(page) + len(OF_A_PAGE) + 2 <= MAX_FIELDS
    assert len(steps.read(steps.answer_form(sent(steps, page)), item_of(steps, text).completions).verdicts) == MAX_STEPS
    spans = question_of("spans", span_types=["wrong"])
    page = {}
    for row in range(MAX_SPANS):
        page |= {f"start-{row}": "0", f"end-{row}": "1", f"type-{row}": "wrong", f"note-{row}": "\U0001f600" * 1_000}
    assert len(page) + len(OF_A_PAGE) + 2 <= MAX_FIELDS
    form = spans.answer_form(sent(spans, page))
    assert len(spans.read(form, item_of(spans, "text").completions).spans) == MAX_SPANS
    assert len(form["spans"]) <= spans.longest_field, "and kept as a draft"


# -- gold -----------------------------------------------------------------------------------------------------------

SCALE = {"low": 1, "high": 7, "step": 1, "low_label": "poor", "high_label": "good"}


def test_gold_is_read_as_it_would_be_given_here() -> None:
    rating = question_of("rating", scale=SCALE)
    own = Rating(value=7, scale=Scale.model_validate(SCALE))
    for scale in ({"low": 1, "high": 7}, {"low": 1, "high": 7, "step": 1}, SCALE):
        assert item_of(rating, "x", gold={"kind": "rating", "value": 7, "scale": scale}).gold[""] == own
    label = question_of("label", labels=["a", "b", "c"])
    gold = {"kind": "label", "chosen": ["c", "a"], "offered": ["b", "c", "a"]}
    assert item_of(label, "x", gold=gold).gold[""] == Label(selected=("a", "c"), options=("a", "b", "c"))
    correction = question_of("correction")
    known = item_of(correction, "a\r\nb", gold={"kind": "correction", "text": "a\nc"}).gold
    assert known[""] == Correction(text="a\r\nc")


@pytest.mark.parametrize(
    ("kind", "keys", "gold", "message"),
    [
        ("rating", {"scale": SCALE}, {"value": 2, "scale": {"low": 1, "high": 5}}, "1..5, and the study's is 1..7"),
        ("rating", {"scale": SCALE}, {"value": 2.5, "scale": SCALE}, "steps of 1 from 1"),
        ("label", {"labels": ["a", "b"]}, {"selected": ["a"], "options": ["a"]}, "the study's are a, b"),
        ("steps", {}, {"verdicts": ["right", "wrong"]}, "Give a verdict on the step; there are 2"),
        ("spans", {"span_types": ["wrong"]}, {"spans": [{"start": 0, "end": 9, "type": "wrong"}]}, "ends at 9"),
        ("spans", {"span_types": ["wrong"]}, {"spans": [{"start": 0, "end": 1, "type": "rude"}]}, "no type of mark"),
        ("correction", {"longest": 5}, {"text": "too long"}, "shorten it to 5"),
        ("critique", {}, {"text": "x", "start": 0, "end": 9}, "no stretch of the text"),
        ("comparison", {"ties": False}, {"preferred": "tie"}, "Choose left or right"),
        ("comparison", {}, {"preferred": "left", "strength": 0.5}, "does not ask how much"),
        ("ranking", {"ties": False}, {"tiers": [[0, 1]]}, "allows no ties"),
    ],
)  # fmt: skip
def test_gold_that_nobody_could_give_is_refused(
    kind: str, keys: dict[str, Any], gold: dict[str, Any], message: str
) -> None:
    texts = ["good", "bad"][: {"comparison": 2, "ranking": 2}.get(kind, 1)]
    with pytest.raises(StudyError, match=r"items.jsonl:1 gold: nobody could answer so: ") as caught:
        item_of(question_of(kind, **keys), *texts, gold={"kind": kind, **gold})
    assert message in str(caught.value)


def test_a_control_question_answered_as_known_is_right(tmp_path: Path) -> None:
    """Gold without the labels at the scale's ends, and what is told after practice."""
    line = {"prompt": "Q", "completions": ["x"], "gold": {"kind": "rating", "value": 7, "scale": {"low": 1, "high": 7}}}
    items = [{"prompt": f"Q{n}", "completions": ["x"]} for n in range(3)]
    with Ledger(tmp_path / "l.db") as ledger:
        rating = {"kind": "rating", "text": "How good?", "scale": SCALE}
        desk = opened(lay(tmp_path, items, question=rating, practice_items=[line]), ledger)
        anna = join(desk)
        receipt = desk.submit(anna, task(desk, anna).reservation, {"value": "7"})
        assert receipt.practice is not None
        assert receipt.practice.correct


# -- a rating's numbers and keys ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "keys"),
    [
        ((0, 5, 1), {str(n): str(n) for n in range(6)}),
        ((-3, 3, 1), {"a": "-3", "b": "-2", "c": "-1", "0": "0", "1": "1", "2": "2", "3": "3"}),
        ((1, 5, 0.5), {**{str(n): str(n) for n in range(1, 6)}, "a": "1.5", "b": "2.5", "c": "3.5", "d": "4.5"}),
        ((1, 10, 1), {**{str(n): str(n) for n in range(1, 10)}, "a": "10"}),
        ((-0.3, 0.3, 0.1), {"a": "-0.3", "b": "-0.2", "c": "-0.1", "0": "0", "d": "0.1", "e": "0.2", "f": "0.3"}),
        ((1_000_001, 1_000_002, 1), {"a": "1000001", "b": "1000002"}),
    ],
)  # fmt: skip
def test_a_key_is_the_number_or_stands_on_the_button(scale: tuple[float, ...], keys: dict[str, str]) -> None:
    question = question_of("rating", scale=dict(zip(("low", "high", "step"), scale, strict=True)))
    buttons = getattr(question, "buttons")  # noqa: B009
    assert {button.key: button.value for button in buttons} == keys
    assert all(button.mark == button.key or button.key == button.value for button in buttons)
    about = [Completion(prompt=PROMPT.id, text="x")]
    ratings = [question.read({"value": button.value}, about) for button in buttons]
    assert [rating.value for rating in ratings] == [float(button.value) for button in buttons]
    assert len({question.vote(rating, ()) for rating in ratings}) == len(buttons)


# -- line ends and steps ----------------------------------------------------------------------------------------------


@given(TEXTS)
def test_an_unchanged_correction_is_equal(text: str) -> None:
    browser = with_plain_ends(text).replace("\n", "\r\n")
    assert with_ends_of(browser, text) == text
    question, about = question_of("correction"), [Completion(prompt=PROMPT.id, text=text)]
    if text.strip() and question.unanswerable(about) is None:
        assert question.read({"text": browser, "unchanged": "1"}, about) == Correction(text=text)
        with pytest.raises(FormError, match="Nothing was changed"):
            question.read({"text": browser}, about)


def test_a_changed_correction_has_the_line_ends_of_the_text() -> None:
    assert with_ends_of("one\ntwo", "1\r\n2") == "one\r\ntwo"
    assert with_ends_of("one\r\ntwo", "1\n2") == "one\ntwo"
    assert with_ends_of("one\ntwo", "1\r2") == "one\rtwo"
    assert with_ends_of("one\ntwo", "1\r\n2\n3") == "one\ntwo"
    assert with_ends_of("one\ntwo", "1") == "one\ntwo"


@given(TEXTS)
def test_lines_stand_where_they_say(text: str) -> None:
    lines = lines_with_places(text)
    assert all(text[start : start + len(line)] == line for start, line in lines)
    assert "\n".join(line for _, line in lines) == with_plain_ends(text)


def test_steps_are_cut_at_line_ends_alone() -> None:
    question = question_of("steps")
    text = "one\u2028still one\r\ntwo\fstill two\rthree\u0085still three\n\n \nfour"
    [completion] = item_of(question, text).completions
    steps = getattr(question, "steps")(completion)  # noqa: B009
    assert steps == ["one\u2028still one", "two\fstill two", "three\u0085still three", "four"]


def test_steps_of_several_lines_are_given_by_the_items_file(tmp_path: Path) -> None:
    steps = ["3 x 4 is 12:\n\n    3 + 3 + 3 + 3", "2 + 12 is 14."]
    items: list[dict[str, Any]] = [
        {"prompt": "a", "completions": [{"steps": steps}]},
        {"prompt": "b", "completions": [{"text": "  " + "\n\n".join(steps) + "\n", "steps": steps}]},
    ]
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, items, question={"kind": "steps", "text": "Right?"}), ledger)
        anna = join(desk)
        for _ in items:
            current = task(desk, anna)
            assert [step.strip() for step in getattr(current.question, "steps")(current.completions[0])] == steps  # noqa: B009
            desk.submit(anna, current.reservation, {"verdicts": "right,wrong"})
        judged = [(ledger.completions()[record.completions[0]], record.judgement) for record in ledger.feedback()]
    for completion, judgement in judged:
        assert judgement == Steps(verdicts=("right", "wrong"))
        assert completion.step_starts is not None
        assert completion.text[completion.step_starts[1] :].startswith("2 + 12")


@pytest.mark.parametrize(
    ("text", "steps", "message"),
    [
        ("a b", ["a", "c"], "step 2 does not follow in the text"),
        ("a b c", ["a", "c"], "step 2 does not follow in the text"),
        ("a b", ["b", "a"], "step 1 does not follow in the text"),
        ("a b", ["a"], "goes on after the last step"),
        ("a b", ["a", " ", "b"], "step 2 is blank"),
        ("a", [], "goes on after the last step"),
    ],
)
def test_steps_that_are_not_the_text_are_refused(text: str, steps: list[str], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        item_of(question_of("steps"), {"text": text, "steps": steps})


@pytest.mark.parametrize("starts", [(), (1,), (3,), (0, 0), (2, 0), (0, 9), (0, 1, 2)])
def test_a_record_says_no_steps_that_are_none(starts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"step|at least 1"):
        Completion(prompt="p-1", text="a  b", step_starts=starts)
    assert Completion(prompt="p-1", text=" a  b", step_starts=(1, 4)).step_starts == (1, 4)
    assert Completion(prompt="p-1", text="a").id == Completion(prompt="p-1", text="a", step_starts=None).id


def test_spans_written_by_the_page_are_those_of_the_record() -> None:
    question = question_of("spans", span_types=["wrong"])
    judgement = Spans(spans=(Span(start=0, end=2, type="wrong", note='"\\\n\u2028'),))
    about = item_of(question, "a\r\nb").completions
    assert question.restate(judgement, about) == judgement
