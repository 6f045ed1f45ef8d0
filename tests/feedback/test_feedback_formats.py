"""Every format: what it reads, and that a malformed line is named and keeps the whole file out."""

import gzip
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from said import comparison, completion, person, prompt, rating, sheet

from accord.errors import LedgerError, RecordError, StorageError
from accord.feedback import (
    FORMATS,
    ImportSettings,
    Ledger,
    import_feedback,
    is_known,
    is_order_known,
    open_feedback,
)
from accord.feedback.formats import accord_jsonl, anthropic_hh, ratings_archive
from accord.feedback.formats.recognition import format_to_write
from accord.records import (
    Comparison,
    Completion,
    Evaluator,
    Feedback,
    Prompt,
    Rating,
    Record,
)


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def records_of(path: Path, format_name: str) -> list[Record]:
    return list(open_feedback(path, ImportSettings(format=format_name)).records())


def refused(tmp_path: Path, format_name: str, *rows: Any) -> str:
    """The error of importing these lines into a ledger that holds something, which stays as it was."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(sheet(1))
        before = ledger.counts()
        with pytest.raises((RecordError, LedgerError)) as caught:
            import_feedback(lines(tmp_path / "f.jsonl", *rows), format_name, ledger)
        assert ledger.counts() == before
    return str(caught.value)


# -- the registry -----------------------------------------------------------------------------------------


def test_the_registry_names_its_formats() -> None:
    assert set(FORMATS.names) >= {"accord_jsonl", "anthropic_hh", "ratings_archive", "trl_preference", "parquet"}
    assert all(name == form.name and form.description for name, form in zip(FORMATS.names, FORMATS, strict=True))


def test_an_unknown_format_names_its_neighbour(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        with pytest.raises(LedgerError, match=r"'anthropic_h'; did you mean 'anthropic_hh'\?"):
            import_feedback(tmp_path / "x", "anthropic_h", ledger)
        with pytest.raises(LedgerError, match="needs a file to read"):
            import_feedback(None, "anthropic_hh", ledger)


RECOGNISED = {
    "accord_jsonl": '{"record": "prompt", "messages": [{"role": "user", "content": "chosen or rejected?"}]}',
    "anthropic_hh": json.dumps({"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}),
    "trl_preference": json.dumps({"prompt": "p", "chosen": "a", "rejected": "b"}),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", RECOGNISED)
def test_a_file_is_recognised_by_its_beginning(tmp_path: Path, name: str, packed: bool) -> None:
    path = tmp_path / ("f.jsonl.gz" if packed else "f.jsonl")
    content = RECOGNISED[name].encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    assert open_feedback(path).recognised.format.name == name
    with Ledger(tmp_path / "ledger.db") as ledger:
        import_feedback(path, None, ledger)


def test_what_no_format_recognises_is_refused_with_the_choice(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"text": "nothing of the kind"}')
    with pytest.raises(LedgerError, match=r"no format recognises it by its columns \(text\).*one of accord_jsonl"):
        open_feedback(path)


def test_a_format_that_only_writes_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="the format 'parquet' can be written, not read"):
        open_feedback(tmp_path / "f.parquet", ImportSettings(format="parquet"))
    with pytest.raises(LedgerError, match="the format 'ratings_archive' can be read, not written"):
        format_to_write(tmp_path / "f.jsonl", "ratings_archive")
    assert format_to_write(tmp_path / "f.jsonl").name == "accord_jsonl"
    assert format_to_write(tmp_path / "f.parquet").name == "parquet"
    with pytest.raises(LedgerError, match="no format has files of this name; give --format, one of accord_jsonl"):
        format_to_write(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"carries": frozenset({"ratng"})}, "which are no kinds of judgement"),
        ({"read": None, "write": None}, "neither reads nor writes"),
        ({"keeps": frozenset({"colour"})}, r"keeps \['colour'\]; what can be kept is"),
    ],
)
def test_a_format_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(anthropic_hh.FORMAT, **changes)


@pytest.mark.parametrize("name", ["accord_jsonl", "anthropic_hh", "ratings_archive", "trl_preference"])
def test_a_missing_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger, pytest.raises(StorageError, match="none: no such file"):
        import_feedback(tmp_path / "none", name, ledger)


def test_a_damaged_gzip_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"record": "prompt"}).encode() * 1000)[:-20])
    with pytest.raises(RecordError, match=r"f\.jsonl\.gz:1: the compressed file is damaged or cut short"):
        records_of(path, "accord_jsonl")


# -- accord_jsonl -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_export_and_import_are_the_same_ledger(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "all.jsonl"
    with Ledger(tmp_path / "one.db") as one, Ledger(tmp_path / "two.db") as two:
        one.extend([*sheet(1), *sheet(2)])
        assert accord_jsonl.write(one, path) == sum(one.counts().values())
        if packed:
            path.write_bytes(gzip.compress(path.read_bytes()))
        import_feedback(path, "accord_jsonl", two)
        assert (two.digest(), two.counts()) == (one.digest(), one.counts())
        assert list(two.feedback()) == list(one.feedback())
        assert not list(tmp_path.glob("*.part"))
        assert accord_jsonl.write(one, path, upto=0) == sum(one.counts().values()) - one.rows()


def test_export_into_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Ledger(tmp_path / "one.db") as ledger, pytest.raises(StorageError):
        accord_jsonl.write(ledger, tmp_path / "file" / "all.jsonl")


def good_lines() -> list[dict[str, Any]]:
    asked, by = prompt(), person("a")
    left, right = completion(asked, "x"), completion(asked, "y")
    said = [comparison(by, left, right, "left"), rating(by, left, 2.0, "s")]
    return [json.loads(accord_jsonl.line_of(each)) for each in (asked, by, left, right, *said)]


PLACES = {"prompt": 0, "evaluator": 1, "completion": 2, "comparison": 4, "rating": 5}
BAD: list[tuple[str, str, Any, str]] = [
    ("comparison", "judgement.preferred", "lft", "'lft' is not one of left, right, tie"),
    ("comparison", "judgement.kind", "comparisn", "'comparisn' is not one of comparison, ranking, rating"),
    ("comparison", "judgement.strength", 2, "less than or equal to 1, not 2"),
    ("comparison", "completions", ["c-1"], "a comparison is about 2 completions, not 1"),
    ("comparison", "evaluator", 7, "valid string, not 7"),
    ("comparison", "evaluator", None, "valid string, not None"),
    ("comparison", "prompt", "", "at least 1 character, not ''"),
    ("comparison", "time", "2024-05-01T10:00:00", "timezone info"),
    ("comparison", "time", "yesterday", "valid datetime"),
    ("comparison", "seconds", "3", "valid number, not '3'"),
    ("comparison", "seconds", -1, "greater than or equal to 0, not -1"),
    ("comparison", "position_in_session", 1.5, "valid integer"),
    ("comparison", "telemetry.pasted", "no", "valid integer"),
    ("comparison", "colour", "red", "Extra inputs are not permitted"),
    ("rating", "judgement.value", 9, "9.0 is not on the scale -4.0..4.0"),
    ("rating", "judgement.value", "2", "valid number, not '2'"),
    ("rating", "judgement.scale.low", 5, "the low end 5.0 is not below the high end 4.0"),
    ("prompt", "messages", [], "at least 1 item"),
    ("prompt", "messages.0.role", "human", "'human' is not one of system, user, assistant"),
    ("prompt", "mode", "free", "'free' is not one of text, knowledge, creative"),
    ("evaluator", "kind", "robot", "'robot' is not one of person, model, rule, simulated"),
    ("evaluator", "pseudonym", "", "at least 1 character"),
    ("evaluator", "inferred", "yes", "valid boolean, not 'yes'"),
    ("completion", "text", None, "valid string, not None"),
    ("completion", "token_ids", [1, -1], "greater than or equal to 0, not -1"),
    ("completion", "record", "completon", "'completon' is no record; did you mean 'completion'?"),
    ("completion", "record", None, "missing"),
    ("completion", "id", "c-0", "'c-0' is not that of the content"),
]


def _place(field: str, value: Any) -> str:
    """Where a value is only wrong beside another one, the place is what holds both."""
    if field == "completions":
        return ""
    if (field, value) in [("judgement.value", 9), ("judgement.scale.low", 5)]:
        return field.rpartition(".")[0]
    return {"token_ids": "token_ids.1"}.get(field, field)


@pytest.mark.parametrize(("kind", "field", "value", "said"), BAD, ids=[f"{each[0]}-{each[1]}" for each in BAD])
def test_a_malformed_field_is_named(tmp_path: Path, kind: str, field: str, value: Any, said: str) -> None:
    rows = good_lines()
    target: Any = rows[PLACES[kind]]
    *path, last = field.split(".")
    for step in path:
        target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
    target[last] = value
    message = refused(tmp_path, "accord_jsonl", *rows)
    place = " ".join(filter(None, [f"f.jsonl:{PLACES[kind] + 1}", _place(field, value)]))
    assert message.startswith(f"{place}: ")
    assert said in message


@pytest.mark.parametrize(
    "line", ["{", "[]", '"x"', "nonsense", '{"record": "prompt", "messages": "\ud83d"}'[:-4] + '\\ud800"}']
)
def test_a_line_that_is_no_record(tmp_path: Path, line: str) -> None:
    assert refused(tmp_path, "accord_jsonl", *good_lines()[:2], line).startswith("f.jsonl:3")


def test_blank_lines_count_but_are_no_records(tmp_path: Path) -> None:
    assert refused(tmp_path, "accord_jsonl", "", good_lines()[0], "", "{").startswith("f.jsonl:4")


# -- anthropic_hh -----------------------------------------------------------------------------------------

HEAD = "\n\nHuman: Hello?\n\nAssistant: Yes?\n\nHuman: A cake, please.\n\nAssistant:"
HH = {"chosen": HEAD + " Which one would you like?", "rejected": HEAD + " Which? No."}


def test_transcripts_become_a_prompt_and_two_completions(tmp_path: Path) -> None:
    asked, evaluator, left, right, said = records_of(lines(tmp_path / "f.jsonl", HH), "anthropic_hh")
    assert isinstance(evaluator, Evaluator)
    assert not is_known(evaluator)
    assert isinstance(asked, Prompt)
    assert [(each.role, each.content) for each in asked.messages] == [
        ("user", "Hello?"),
        ("assistant", "Yes?"),
        ("user", "A cake, please."),
    ]
    assert isinstance(left, Completion)
    assert isinstance(right, Completion)
    assert isinstance(said, Feedback)
    assert isinstance(said.judgement, Comparison)
    assert not is_order_known(said)
    assert said.completions == (left.id, right.id)
    by_side = {"left": left, "right": right}
    chosen = by_side.pop(said.judgement.preferred)
    assert chosen.text == "Which one would you like?"
    (other,) = by_side.values()
    assert other.text == "Which? No."


def test_a_transcript_that_parts_early_keeps_its_later_turns(tmp_path: Path) -> None:
    row = {"chosen": HEAD + " A\n\nHuman: Thanks.\n\nAssistant: Bye.", "rejected": HEAD + " B"}
    records = records_of(lines(tmp_path / "f.jsonl", row), "anthropic_hh")
    answers = {each.text for each in records if isinstance(each, Completion)}
    assert answers == {"A\n\nHuman: Thanks.\n\nAssistant: Bye.", "B"}


def test_sides_do_not_follow_quality(tmp_path: Path) -> None:
    rows = [{"chosen": f"{HEAD} good {i}", "rejected": f"{HEAD} bad {i}"} for i in range(400)]
    said = [
        each for each in records_of(lines(tmp_path / "f.jsonl", *rows), "anthropic_hh") if isinstance(each, Feedback)
    ]
    left = sum(isinstance(each.judgement, Comparison) and each.judgement.preferred == "left" for each in said)
    assert 150 < left < 250


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"chosen": HH["chosen"]}, "rejected: missing"),
        ({"rejected": HH["chosen"]}, "chosen: missing"),
        ({**HH, "chosen": 3}, "chosen: expected a text, not 3"),
        ({**HH, "rejected": None}, "rejected: null, where a value is needed"),
        ({**HH, "score": 1}, "score looks like numbers that somebody gave: --ignore score"),
        ({**HH, "chosen": "Hello"}, "chosen: expected a transcript that begins with"),
        ({**HH, "rejected": "\n\nHuman: Else\n\nAssistant: x"}, "rejected: shares no"),
        ({**HH, "rejected": HH["chosen"]}, "rejected: the same transcript as chosen"),
        ("{", "not JSON at character"),
    ],
)
def test_malformed_transcripts(tmp_path: Path, row: Any, said: str) -> None:
    message = refused(tmp_path, "anthropic_hh", HH, HH, row)
    assert message.startswith("f.jsonl:3")
    assert said in message


# -- trl_preference ---------------------------------------------------------------------------------------

ASK = [{"role": "user", "content": "Name a colour."}]
BLUE, RED = [{"role": "assistant", "content": "Blue."}], [{"role": "assistant", "content": "Red."}]


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "Red."}, "Name a colour."),
        ({"prompt": ASK, "chosen": BLUE, "rejected": RED}, "Name a colour."),
        ({"chosen": ASK + BLUE, "rejected": ASK + RED}, "Name a colour."),
        ({"chosen": "Name a colour. Blue.", "rejected": "Name a colour. Red."}, "Name a colour."),
        ({"chosen": "Name a colour: Blue.", "rejected": "Name a colour: Blue.Red."}, None),
        (
            {"prompt": ASK, "chosen": "Blue.", "rejected": "Red.", "score_chosen": 7, "score_rejected": 5},
            "Name a colour.",
        ),
    ],
)
def test_preferences_in_every_shape(tmp_path: Path, row: dict[str, Any], asked: str | None) -> None:
    records = records_of(lines(tmp_path / "f.jsonl", row), "trl_preference")
    said = next(each for each in records if isinstance(each, Feedback))
    answers = {each.id: each.text for each in records if isinstance(each, Completion)}
    assert isinstance(said.judgement, Comparison)
    chosen = answers[said.completions[0 if said.judgement.preferred == "left" else 1]]
    if asked is None:
        assert chosen == ""
    else:
        assert next(each for each in records if isinstance(each, Prompt)).text == asked
        assert (chosen, set(answers.values())) == ("Blue.", {"Blue.", "Red."})


def test_an_implicit_prompt_ends_with_a_word(tmp_path: Path) -> None:
    row = {"chosen": "It was great", "rejected": "It was grim"}
    records = records_of(lines(tmp_path / "f.jsonl", row), "trl_preference")
    assert next(each for each in records if isinstance(each, Prompt)).text == "It was"
    assert {each.text for each in records if isinstance(each, Completion)} == {"great", "grim"}


GOOD = {"prompt": "p", "chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "p", "chosen": "a"}, "rejected: missing"),
        ({"prompt": "p", "rejected": "a"}, "chosen: missing"),
        ({**GOOD, "chosen": 1}, "chosen"),
        ({**GOOD, "prompt": 1}, "prompt"),
        ({**GOOD, "rejected": [{"role": "assistant"}]}, "rejected.0 content: missing"),
        ({**GOOD, "rejected": [{"role": "bird", "content": "x"}]}, "'bird' is not one of system, developer, user"),
        ({"promt": "p", "chosen": "a", "rejected": "b"}, "--map prompt=promt or --ignore promt"),
        ({"chosen": "a", "rejected": "b"}, "prompt: empty, and chosen and rejected share no beginning"),
        ({**GOOD, "prompt": " "}, "prompt: empty"),
        ({**GOOD, "rejected": "a"}, "rejected: the same as chosen"),
        ({**GOOD, "score_chosen": 7}, "score_rejected: missing"),
        ({"prompt": ASK, "chosen": BLUE, "rejected": ASK}, "rejected: expected an answer of the assistant"),
        ({"prompt": ASK, "chosen": [], "rejected": RED}, "chosen: expected an answer of the assistant"),
        ("[1]", "expected an object, {...}, not '[1]'"),
    ],
)
def test_malformed_preferences(tmp_path: Path, row: Any, said: str) -> None:
    message = refused(tmp_path, "trl_preference", GOOD, row)
    assert message.startswith("f.jsonl:2")
    assert said in message


# -- ratings_archive --------------------------------------------------------------------------------------


def archive(path: Path, texts: list[str], ratings: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, rows in ((ratings_archive.TEXTS, texts), (ratings_archive.RATINGS, ratings)):
            content = "\r\n".join(rows).encode()
            entry = tarfile.TarInfo(f"folder/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def rows_of(count: int, raters: int = 3) -> tuple[list[str], list[str]]:
    values = [[(i + j) % 9 - 4 for j in range(raters)] for i in range(count)]
    texts = [f"{i + 1}\t{sum(value) / raters}\tA ''fine''   film {i}" for i, value in enumerate(values)]
    return texts, [f"{i + 1}\t0\t0.5\t{value}" for i, value in enumerate(values)]


def test_a_place_on_a_sheet_is_one_rater(tmp_path: Path) -> None:
    records = list(ratings_archive.read(archive(tmp_path / "a.tar.gz", *rows_of(35))))
    people = [each for each in records if isinstance(each, Evaluator)]
    assert [each.pseudonym for each in people] == [f"batch-000{b}/0{r}" for b in (1, 2) for r in (1, 2, 3)]
    assert all(each.inferred and each.pool == ratings_archive.STUDY and is_known(each) for each in people)
    said = [each for each in records if isinstance(each, Feedback)]
    assert len({each.id for each in said}) == 35 * 3
    assert [each.session for each in said] == ["batch-0001"] * 90 + ["batch-0002"] * 15
    assert [each.evaluator for each in said[-3:]] == [each.id for each in people[3:]]
    assert said[4].judgement == Rating(value=-2.0, scale=ratings_archive.SCALE)
    texts = [each.text for each in records if isinstance(each, Completion)]
    assert texts[0] == 'A "fine" film 0'
    assert len({each.prompt for each in said[:90]}) == 1


def test_a_snippet_that_stands_twice_was_rated_again(tmp_path: Path) -> None:
    texts, ratings = rows_of(35)
    texts[7] = texts[7].rsplit("\t", 1)[0] + "\tA ''fine'' film 3"
    texts[34] = texts[34].rsplit("\t", 1)[0] + "\tA ''fine'' film 0"
    said = [
        each
        for each in ratings_archive.read(archive(tmp_path / "a.tar.gz", texts, ratings))
        if isinstance(each, Feedback)
    ]
    assert [each.repeat_of for each in said[21:24]] == [each.id for each in said[9:12]]
    assert sum(each.repeat_of is not None for each in said) == 3
    assert said[-1].completions == said[0].completions


@pytest.mark.parametrize(
    ("which", "row", "said"),
    [
        ("texts", "4\tx\tA film", "GroundTruth.txt:4 mean: expected a number, not 'x'"),
        ("texts", "4\t3.5\tA film", "GroundTruth.txt:4 mean: 3.5, but the ratings have the mean 0"),
        ("texts", "4\t0\t  ", "GroundTruth.txt:4 text: expected a snippet"),
        ("texts", "4\t0", "GroundTruth.txt:4: expected 3 columns separated by tabs (id, mean, text), not 2"),
        (
            "texts",
            "9\t0\tA film",
            "anonDataRatings.txt:4 id: '4', but the row of movieReviewSnippets_GroundTruth.txt is '9'",
        ),
        ("ratings", "4\t0\t0.5\t[1, 2", "anonDataRatings.txt:4 ratings: expected a list of whole numbers"),
        ("ratings", "4\t0\t0.5\t7", "anonDataRatings.txt:4 ratings: expected a list of whole numbers"),
        (
            "ratings",
            "4\t0\t0.5\t[1, -1, 5]",
            "anonDataRatings.txt:4 ratings: expected whole numbers from -4 to 4, not 5",
        ),
        ("ratings", "4\t0\t0.5\t[1, -1, true]", "expected whole numbers from -4 to 4, not True"),
        ("ratings", "4\t0\t0.5\t[1, -1]", "anonDataRatings.txt:4 ratings: expected 3 ratings, as in the other rows"),
        ("ratings", "4\t0\t0.5\t[]", "anonDataRatings.txt:4 ratings: expected a list of whole numbers"),
        ("ratings", "4\t0\t[1]", "anonDataRatings.txt:4: expected 4 columns"),
    ],
)
def test_malformed_rows_of_the_archive(tmp_path: Path, which: str, row: str, said: str) -> None:
    texts, ratings = rows_of(6)
    texts[3] = "4\t0.0\tA film"
    ratings[3] = "4\t0\t0.5\t[1, -1, 0]"
    {"texts": texts, "ratings": ratings}[which][3] = row
    path = archive(tmp_path / "a.tar.gz", texts, ratings)
    with Ledger(tmp_path / "ledger.db") as ledger:
        with pytest.raises(RecordError) as caught:
            import_feedback(path, "ratings_archive", ledger)
        assert sum(ledger.counts().values()) == 0
    assert str(caught.value).startswith("a.tar.gz/movieReviewSnippets_")
    assert said in str(caught.value)


def test_what_is_no_such_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_text("no archive")
    with pytest.raises(RecordError, match=r"a\.tar\.gz: expected a tar archive"):
        list(ratings_archive.read(tmp_path / "a.tar.gz"))
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz"):
        pass
    with pytest.raises(RecordError, match="holds no movieReviewSnippets_GroundTruth"):
        list(ratings_archive.read(tmp_path / "b.tar.gz"))
    texts, ratings = rows_of(4)
    with pytest.raises(RecordError, match="3 rows, but"):
        list(ratings_archive.read(archive(tmp_path / "c.tar.gz", texts, ratings[:3])))
