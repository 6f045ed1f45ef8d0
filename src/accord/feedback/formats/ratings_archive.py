"""Ratings of movie-review snippets by people (Hutto & Gilbert 2014, VADER, ICWSM), as its authors archived them.

The archive travels in the source package of vaderSentiment. Of its four sets only the movie reviews are read: 10,605
snippets from a reviews site, each rated by 15 to 29 people from -4 (extremely negative) to 4 (extremely positive),
198,810 ratings in all. People were asked how positive a snippet is, not how good it is.

    movieReviewSnippets_GroundTruth.txt       id, mean, text            separated by tabs
    movieReviewSnippets_anonDataRatings.txt   id, mean, deviation, [one rating a person]

Nobody recorded who gave which rating. But the rows come in sheets of 30 with lists of one length, and what a list
place deviates from the mean of its row is correlated between the rows of a sheet and not between sheets: a place on
a sheet is one person. Those evaluators are marked as inferred. A sheet is a session and belongs to one of the
packaged prompts, by a digest of its name; sheets that share a snippet belong to the same one. A snippet that stands
twice on a sheet was rated twice by the same people: the second rating is a `repeat_of` the first.

Texts are cleaned lightly: two single quotes become a double quote, runs of white space one space, ends are stripped.
"""

import json
import math
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from accord.errors import RecordError, storage
from accord.feedback.formats.registry import Format
from accord.feedback.formats.review_prompts import prompt_for
from accord.fetch import Pinned
from accord.records import Completion, Evaluator, Feedback, Prompt, Rating, Record, Scale

__all__ = ["ARCHIVE", "FORMAT", "SCALE", "STUDY", "clean", "read"]

ARCHIVE = Pinned(
    package="vaderSentiment",
    version="3.3.2",
    member="additional_resources/hutto_ICWSM_2014.tar.gz",
    sha256="d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
    archive="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    sdist=True,
)
STUDY = "hutto2014-movie-reviews"
SCALE = Scale(low=-4.0, high=4.0, step=1.0, low_label="Extremely Negative", high_label="Extremely Positive")
TEXTS = "movieReviewSnippets_GroundTruth.txt"
RATINGS = "movieReviewSnippets_anonDataRatings.txt"
SHEET = 30
FOLDER = b"hutto_ICWSM_2014/"


@dataclass(frozen=True)
class _Snippet:
    text: str
    values: tuple[int, ...]
    place: str


def read(path: Path) -> Iterator[Record]:
    """The records of the archive, sheet by sheet.

    Raises `RecordError` that names file, line and field; `StorageError` where the archive cannot be read.
    """
    snippets = _snippets(path)
    sheets = [snippets[start : start + SHEET] for start in range(0, len(snippets), SHEET)]
    names = [f"batch-{number:04d}" for number in range(1, len(sheets) + 1)]
    first_sheet: dict[str, str] = {}
    ratings = {value: Rating(value=float(value), scale=SCALE) for value in range(-4, 5)}
    yielded: set[str] = set()
    for name, sheet in zip(names, sheets, strict=True):
        prompt = prompt_for(_keeper(name, sheet, first_sheet))
        if prompt.id not in yielded:
            yielded.add(prompt.id)
            yield prompt
        yield from _sheet(name, sheet, prompt, ratings)


def clean(text: str) -> str:
    """A snippet's text: '' becomes ", runs of white space one space, the ends are stripped."""
    return re.sub(r"\s+", " ", text.replace("''", '"')).strip()


def _keeper(name: str, sheet: list[_Snippet], first_sheet: dict[str, str]) -> str:
    """The sheet whose name decides the prompt: the first that a snippet of this one stands on."""
    keeper = next((first_sheet[snippet.text] for snippet in sheet if snippet.text in first_sheet), name)
    for snippet in sheet:
        first_sheet.setdefault(snippet.text, keeper)
    return keeper


def _sheet(name: str, sheet: list[_Snippet], prompt: Prompt, ratings: dict[int, Rating]) -> Iterator[Record]:
    width = len(sheet[0].values)
    people = [
        Evaluator(kind="person", pseudonym=f"{name}/{number:02d}", pool=STUDY, inferred=True)
        for number in range(1, width + 1)
    ]
    yield from people
    ids = [person.id for person in people]
    often = Counter(entry.text for entry in sheet)
    before: dict[str, list[str]] = {}
    for snippet in sheet:
        if len(snippet.values) != width:
            raise RecordError(
                f"expected {width} ratings, as in the other rows of {name}, not {len(snippet.values)}",
                place=f"{snippet.place} ratings",
            )
        completion = Completion(prompt=prompt.id, text=snippet.text)
        yield completion
        earlier = before.get(snippet.text, [None] * width)
        feedback = [
            Feedback(
                evaluator=evaluator,
                prompt=prompt.id,
                completions=(completion.id,),
                judgement=ratings[value],
                study=STUDY,
                session=name,
                repeat_of=first,
            )
            for evaluator, value, first in zip(ids, snippet.values, earlier, strict=True)
        ]
        yield from feedback
        if often[snippet.text] > 1:
            before.setdefault(snippet.text, [entry.id for entry in feedback])


def _snippets(path: Path) -> list[_Snippet]:
    """The rows of both files, joined by their id."""
    texts = list(_columns(path, TEXTS, ("id", "mean", "text")))
    values = list(_columns(path, RATINGS, ("id", "mean", "deviation", "ratings")))
    if len(texts) != len(values):
        raise RecordError(f"{len(values)} rows, but {TEXTS} has {len(texts)}", place=f"{path.name}/{RATINGS}")
    return [_snippet(text_row, rating_row) for text_row, rating_row in zip(texts, values, strict=True)]


def _snippet(text_row: tuple[str, list[str]], rating_row: tuple[str, list[str]]) -> _Snippet:
    (text_place, (text_id, text_mean, text)), (place, (rating_id, _, _, ratings)) = text_row, rating_row
    if text_id != rating_id:
        raise RecordError(f"{rating_id!r}, but the row of {TEXTS} is {text_id!r}", place=f"{place} id")
    if not clean(text):
        raise RecordError("expected a snippet, not an empty one", place=f"{text_place} text")
    values = _values(ratings, f"{place} ratings")
    mean = sum(values) / len(values)
    try:
        stated_mean = float(text_mean)
    except ValueError as error:
        raise RecordError(f"expected a number, not {text_mean!r}", place=f"{text_place} mean") from error
    if not math.isclose(stated_mean, mean, abs_tol=1e-6):
        raise RecordError(f"{stated_mean}, but the ratings have the mean {mean:.9g}", place=f"{text_place} mean")
    return _Snippet(clean(text), values, place)


def _values(listed: str, place: str) -> tuple[int, ...]:
    try:
        values = json.loads(listed)
    except ValueError as error:
        raise RecordError(f"expected a list of whole numbers, not {listed[:40]!r}", place=place) from error
    if not isinstance(values, list) or not values:
        raise RecordError(f"expected a list of whole numbers, not {listed[:40]!r}", place=place)
    for value in values:
        if type(value) is not int or not SCALE.low <= value <= SCALE.high:
            raise RecordError(f"expected whole numbers from -4 to 4, not {value!r}", place=place)
    return tuple(values)


def _columns(path: Path, member: str, names: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    """The rows of a member, each with its place."""
    for number, line in enumerate(_member(path, member).split(b"\n"), start=1):
        place = f"{path.name}/{member}:{number}"
        if not line.strip():
            continue
        try:
            columns = line.decode().rstrip("\r").split("\t")
        except UnicodeDecodeError as error:
            raise RecordError(f"expected UTF-8 ({error.reason} at byte {error.start})", place=place) from error
        if len(columns) != len(names):
            raise RecordError(
                f"expected {len(names)} columns separated by tabs ({', '.join(names)}), not {len(columns)}", place=place
            )
        yield place, columns


def _member(path: Path, member: str) -> bytes:
    with storage(path):
        try:
            with tarfile.open(path) as archive:
                for entry in archive:
                    file = archive.extractfile(entry) if Path(entry.name).name == member else None
                    if file is not None:
                        return file.read()
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise RecordError(f"expected a tar archive ({error})", place=path.name) from error
    raise RecordError(f"the archive holds no {member}", place=path.name)


FORMAT = Format(
    "ratings_archive",
    "198,810 ratings of movie-review snippets by people (VADER, 2014)",
    frozenset({"rating"}),
    recognises_path=lambda name, head: "its folder is hutto_ICWSM_2014" if head.startswith(FOLDER) else None,
    read_path=read,
    pinned=ARCHIVE,
)
