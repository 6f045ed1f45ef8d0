"""A place is a path or a URL, and what is said of a URL never holds its password."""

import sys
import traceback
from pathlib import Path

import pytest

from accord import recipe
from accord.errors import LedgerError, MissingExtraError, RecipeError
from accord.feedback import Ledger
from accord.feedback.store.location import File, Server, has_password, is_url, parse_location

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://anna:{SECRET}@db/feedback", "postgresql://anna@db/feedback"),
        (f"postgres://anna:{SECRET}@db:5433/feedback", "postgresql://anna@db:5433/feedback"),
        (f"postgresql+psycopg://anna@db/feedback?password={SECRET}", "postgresql://anna@db/feedback"),
        (f"postgresql://db/feedback?sslpassword={SECRET}&port=1", "postgresql://db/feedback?port=1"),
        ("postgresql:///feedback?host=/run/pg", "postgresql:///feedback?host=%2Frun%2Fpg"),
    ],
)
def test_a_url_is_shown_without_its_password_and_opens_the_same_database(url: str, shown: str) -> None:
    place = parse_location(url)
    assert isinstance(place, Server)
    assert str(place) == shown
    assert SECRET not in repr(place)
    assert has_password(url) == (SECRET in url)
    assert str(parse_location(shown)) == shown


@pytest.mark.parametrize("path", ["feedback.db", "a/what? 100% #1.db", "c:", Path("x.db")])
def test_a_path_is_a_path(path: Path | str) -> None:
    assert parse_location(path) == File(Path(path))
    assert not is_url(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (f"mysql://anna:{SECRET}@db/feedback", r"no ledger can be kept at mysql://; give a file, or postgresql://"),
        (f"postgresql://anna:{SECRET}@host@db/feedback", "percent-encode"),
        (f"postgresql://anna:{SECRET}@db", "percent-encode"),
        (f"postgresql://anna:x@db:{SECRET}/feedback", "percent-encode"),
        (Path(f"postgresql://anna:{SECRET}@db/feedback"), "a URL that was made a path"),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_of_it_is_said(given: Path | str, message: str) -> None:
    with pytest.raises(LedgerError, match=message) as caught:
        Ledger(given)
    assert SECRET not in str(caught.value)


def test_a_server_that_is_not_there_is_told_of_without_the_password() -> None:
    with pytest.raises(LedgerError, match=r"postgresql://anna@127\.0\.0\.1:1/feedback: .*refused") as caught:
        Ledger(f"postgresql://anna:{SECRET}@127.0.0.1:1/feedback")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"anna@db/feedback takes the extra 'postgres', .*accord\[postgres\]"):
        Ledger("postgresql://anna@db/feedback")


def test_a_recipe_leaves_a_url_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(
        '[data]\nledger = "postgresql://anna@db/feedback"\nsource = "said.jsonl"\nformat = "accord_jsonl"\n'
    )
    loaded = recipe.load(file)
    assert loaded.data.ledger == "postgresql://anna@db/feedback"
    assert loaded.data.source == str(tmp_path / "said.jsonl")
    assert recipe.parse(recipe.dump(loaded)) == loaded
    assert recipe.load(file, {"data.ledger": "here.db"}).data.ledger == str(tmp_path / "here.db")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"postgresql://anna:{SECRET}@db/feedback", r"recipe\.data\.ledger: .*PGPASSWORD"),
        (f"postgresql://anna@db/feedback?password={SECRET}", r"recipe\.data\.ledger: .*PGPASSWORD"),
        (f"mysql://anna:{SECRET}@db/feedback", r"recipe\.data\.ledger: no ledger can be kept at mysql://"),
    ],
)
def test_a_recipe_takes_no_password(url: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        recipe.parse("", {"data.ledger": url})
    assert SECRET not in "".join(traceback.format_exception(caught.value, chain=False))
