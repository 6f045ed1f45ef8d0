"""disclosure.toml: what is read of it, what does not count, and what is refused, with the key and the remedy."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import StatementError
from accord.report.disclosure.questions import check_answer
from accord.report.disclosure.registry import ITEMS, questions_by_item
from accord.report.disclosure.statements import Statements, parse_statements

SIGNED = '\nsigned_by = "Ada Writer"\ndate = 2026-01-31\n'


def read(text: str | bytes) -> Statements:
    content = text if isinstance(text, bytes) else text.encode()
    return parse_statements(content, "disclosure.toml", questions_by_item())


def refusal(call: Callable[[], object]) -> str:
    """What a call is refused with."""
    try:
        call()
    except StatementError as error:
        return str(error)
    return "nothing is wrong"


def test_what_is_filled_in_is_read() -> None:
    stated = read(
        "[systemic.equity]"
        + SIGNED
        + 'text = " They could say no. "\ncurrency = "EUR"\npay_per_hour = 12\nharmful_share = 0.5\n'
        'support = ""\npublic = true\n[systemic.audits]\n'
    )
    equity = stated.of("systemic.equity")
    assert equity.answers == {
        "text": "They could say no.",
        "currency": "EUR",
        "pay_per_hour": 12.0,
        "harmful_share": 0.5,
    }
    assert (equity.signed_by, equity.signed_on, equity.public, equity.counts) == (
        "Ada Writer",
        date(2026, 1, 31),
        True,
        True,
    )
    assert equity.amount("pay_per_hour") == 12.0
    assert equity.amount("hours") is None
    assert not stated.of("systemic.audits").says_something
    assert not stated.of("policy.evaluation").counts
    assert len(stated.sha256) == 64


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        ('text = "x"', "it has no signed_by and no date"),
        ('text = "x"\nsigned_by = "Ada"', "it has no date"),
        ('text = "x"\ndate = 2026-01-31\nsigned_by = "  "', "it has no signed_by"),
        ('not_applicable = "none"\nsigned_by = "Ada"', "it has no date"),
        ('signed_by = ""\ndate = ""\ntext = ""', ""),
        ('signed_by = "Ada"', ""),
    ],
)
def test_what_is_not_signed_or_dated_does_not_count(lines: str, lacking: str) -> None:
    statement = read(f"[policy.evaluation]\n{lines}\n").of("policy.evaluation")
    assert statement.lacking == lacking
    assert not statement.counts


@pytest.mark.parametrize(
    "text",
    ["", "   ", "...", "\u200b", "- -", "\ufeff"],
    ids=["nothing", "space", "dots", "zero width", "dashes", "mark"],
)
def test_a_text_without_a_letter_says_nothing(text: str) -> None:
    assert not read(f'[policy.evaluation]{SIGNED}text = "{text}"\n').of("policy.evaluation").counts


def test_a_date_may_stand_in_quotes_and_a_file_begin_with_a_mark() -> None:
    stated = read(b"\xef\xbb\xbf[policy.evaluation]\r\ntext = 'x'\r\nsigned_by = 'Ada'\r\ndate = '2026-01-31'\r\n")
    assert stated.of("policy.evaluation").counts


def test_single_questions_may_not_be_applicable() -> None:
    stated = read("[human_feedback.pretraining]" + SIGNED + 'not_applicable = { licence = "our own" }\ntext = "x"\n')
    assert stated.of("human_feedback.pretraining").without == {"licence": "our own"}


MALFORMED = {
    "not utf-8": (b"[policy.evaluation]\ntext = '\xff'\n", "disclosure.toml:2: not UTF-8"),
    "utf-16": ("[policy.evaluation]".encode("utf-16"), "not UTF-8"),
    "not toml": ("[policy.evaluation\n", "not TOML"),
    "half written": ('[policy.evaluation]\ntext = """half', "not TOML"),
    "twice a key": ("[policy.evaluation]\ntext = 'a'\ntext = 'b'\n", "not TOML"),
    "nul": ("[policy.evaluation]\ntext = 'a\0b'\n", "not TOML"),
    "nested too deep": ("a = " + "[" * 5000, "not TOML"),
    "no day": ("[policy.evaluation]\ndate = 2026-02-30\n", "not TOML"),
    "many digits": ("[systemic.equity]\nhours = " + "9" * 5000 + "\n", "disclosure.toml"),
    "huge": ("# " + "x" * 1_000_001, "1,000,003 bytes; write at most 1,000,000"),
    "unknown group": ("[policies.evaluation]\n", "policies: no such section; did you mean 'policy'?"),
    "group is a value": ("policy = 3\n", "policy: not a section; write [human_feedback.pretraining]"),
    "unknown item": ("[policy.evaluations]\n", "policy.evaluations: no such item; did you mean 'evaluation'?"),
    "item is a value": ("[policy]\nevaluation = 'x'\n", "policy.evaluation: not a section"),
    "item is a list": ("[[policy.evaluation]]\ntext = 'x'\n", "policy.evaluation: not a section"),
    "unknown key": (
        "[systemic.equity]\npay_per_hours = 3\n",
        "pay_per_hours: no such key; did you mean 'pay_per_hour'?",
    ),
    "key of another item": ("[policy.evaluation]\nlicence = 'x'\n", "policy.evaluation.licence: no such key"),
    "number for a text": (
        "[policy.evaluation]\ntext = 3\n",
        'policy.evaluation.text: 3 is no text; write it in quotes',
    ),
    "list for a text": ("[policy.evaluation]\ntext = ['a']\n", "is no text"),
    "placeholder": ("[policy.evaluation]\ntext = 'TODO'\n", "'TODO' says nothing; leave it empty"),
    "n/a": ("[policy.evaluation]\ntext = 'N/A.'\n", "write not_applicable with a reason"),
    "text for a number": (
        "[systemic.equity]\nhours = '3'\n",
        "hours: '3' is no number; write hours = 12.5, without quotes",
    ),
    "truth for a number": ("[systemic.equity]\nhours = true\n", "True is no number"),
    "negative": ("[systemic.equity]\ncurrency = 'EUR'\npay_per_hour = -1\n", "-1 cannot be"),
    "nan": ("[systemic.equity]\nhours = nan\n", "nan cannot be"),
    "infinite": ("[systemic.equity]\nhours = inf\n", "inf cannot be"),
    "per cent": (
        "[systemic.equity]\nharmful_share = 2.0\n",
        "2.0 is no share; write a number from 0 to 1 (12 % is 0.12)",
    ),
    "no currency": ("[systemic.equity]\npay_per_hour = 12\n", 'systemic.equity.currency: missing, and `pay_per_hour`'),
    "odd currency": ("[systemic.equity]\ncurrency = 'EUR per hour'\n", "is no currency; write its letters"),
    "date with time": ("[policy.evaluation]\ndate = 2026-01-31T10:00:00\n", "write date = 2026-01-31"),
    "words for a date": ("[policy.evaluation]\ndate = 'in spring'\n", "'in spring' is no date"),
    "no such day in quotes": ("[policy.evaluation]\ndate = '2026-02-30'\n", "is no day of the calendar"),
    "number for a date": ("[policy.evaluation]\ndate = 20260131\n", "is no date"),
    "number for a name": ("[policy.evaluation]\nsigned_by = 3\n", "signed_by: 3 is no name"),
    "no letter in a name": ("[policy.evaluation]\nsigned_by = '---'\n", "is no name"),
    "address for a name": ("[policy.evaluation]\nsigned_by = 'a@b.example'\n", "write the name alone"),
    "telephone for a name": ("[policy.evaluation]\nsigned_by = 'Ada 1712345'\n", "write the name alone"),
    "turned name": ("[policy.evaluation]\nsigned_by = 'Ada \u202e adA'\n", "is no name"),
    "nul in a name": ('[policy.evaluation]\nsigned_by = "Ada\\u0000"\n', "is no name"),
    "long name": (f"[policy.evaluation]\nsigned_by = '{'x' * 201}'\n", "201 characters"),
    "not a truth": ("[policy.evaluation]\npublic = 'yes'\n", "'yes' is neither true nor false; write public = true"),
    "reason is a number": ("[policy.evaluation]\nnot_applicable = 3\n", "is no reason"),
    "reason of an unknown key": (
        "[policy.evaluation]\nnot_applicable = { texts = 'x' }\n",
        "no such key; did you mean 'text'?",
    ),
    "empty reason of a key": ("[policy.evaluation]\nnot_applicable = { text = ' ' }\n", 'write text = "why"'),
    "stated and not applicable": (
        "[policy.evaluation]\nnot_applicable = 'x'\ntext = 'y'\n",
        "and `text` is stated; leave one out",
    ),
    "key stated and not applicable": (
        "[policy.evaluation]\nnot_applicable = { text = 'x' }\ntext = 'y'\n",
        "not_applicable.text: not applicable, and stated",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_refused_with_its_place(content: str | bytes, message: str) -> None:
    with pytest.raises(StatementError) as error:
        read(content)
    assert message in str(error.value)
    assert str(error.value).startswith("disclosure.toml")


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"[policy.evaluation]\ntext = {text}".encode(errors="ignore"))
)
def test_nothing_but_its_own_error_comes_of_any_bytes(content: bytes) -> None:
    assert refusal(lambda: read(content)).startswith(("disclosure.toml", "nothing is wrong"))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_of_any_kind_is_taken_for_an_answer_unseen(value: object) -> None:
    """Each question takes its kind of value, and refuses every other by name."""
    for question in (question for item in ITEMS for question in item.questions):
        answers: list[str | float | None] = []
        message = refusal(lambda: answers.append(check_answer(question, value, question.name)))  # noqa: B023
        assert message.startswith((f"{question.name}: ", "nothing is wrong"))
        assert all(each is None or isinstance(each, float if question.is_number else str) for each in answers)
