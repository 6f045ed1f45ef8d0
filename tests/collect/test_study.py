"""Study files: what is wrong is named with its key and the remedy."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from accord.collect import Pay, Stop, Study
from accord.errors import StorageError, StudyError
from accord.records import Scale

GOOD = 'name = "s"\ntitle = "A study"\nkind = "comparison"\nquestion = "Which?"\n'


def of(kind: str, more: str = "") -> str:
    return GOOD.replace('"comparison"', f'"{kind}"') + more


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace('question = "Which?"\n', ""), "study.question: missing; add it"),
        (GOOD.replace('"Which?"', '""'), "study.question: String should have at least 1 character"),
        (of("comparision"), "study.kind: 'comparision' is no kind of judgement; did you mean 'comparison'?"),
        (of("declined"), "study.kind: 'declined' is no kind of judgement"),
        (GOOD + "overlapp = 2", "study.overlapp: no such key; did you mean 'overlap'?"),
        (GOOD + "[stop]\nleest = 2", "study.stop.leest: no such key; did you mean 'least'?"),
        (GOOD + "[pay]\nper_itm = 2", "study.pay.per_itm: no such key; did you mean 'per_item'?"),
        (GOOD + "[sampling]\ntemprature = 1.0", "study.sampling.temprature: no such key; did you mean 'temperature'?"),
        (GOOD + "overlap = 0", "study.overlap: Input should be greater than or equal to 1, not 0"),
        (GOOD.replace('"s"', '"a b"'), "study.name: String should match pattern"),
        (GOOD + "labels = ['a']", 'study.labels: belongs to kind = "label", not to "comparison"; leave it out'),
        (of("label"), 'study.labels: missing; a study of kind = "label" needs it'),
        (of("label", "labels = ['a,b']"), "'a,b' holds a comma"),
        (of("label", "labels = ['a', 'a']"), "a name stands twice"),
        (of("rating"), 'study.scale: missing; a study of kind = "rating" needs it'),
        (of("rating", "[scale]\nlow = 5\nhigh = 1"), "study.scale: the low end 5.0 is not below the high end 1.0"),
        (of("rating", "[scale]\nlow = 1\nhigh = 5\nstepp = 1"), "study.scale.stepp: no such key; did you mean 'step'?"),
        (of("spans"), 'study.span_types: missing; a study of kind = "spans" needs it'),
        (of("rating", "strength = true\n[scale]\nlow = 1\nhigh = 2"), "study.strength: belongs to kind"),
        (GOOD + "[quotas]\nage = {young = 0.5, old = 0.5}", "study.quotas.age: no such attribute"),
        (
            GOOD + "[attributes]\nage = ['young', 'old']\n[quotas]\nage = {young = 0.5, old = 0.4}",
            "study.quotas.age: the shares sum to 0.9; make them sum to 1",
        ),
        (
            GOOD + "[attributes]\nage = ['young', 'old']\n[quotas]\nage = {yong = 0.5, old = 0.5}",
            "study.quotas.age.yong: no such option; did you mean 'young'?",
        ),
        (GOOD + "[attributes]\nage = []", "study.attributes.age: name each option once, and one at least"),
        (GOOD + "gold_share = 0.1", "study.gold_share: needs questions whose answer is known; name them in gold_file"),
        (
            GOOD + "gold_file = 'g'\ngold_share = 0.3\nrepeat_share = 0.3",
            "study.gold_share: gold_share and repeat_share are more than half of all",
        ),
        (of("critique", "gold_file = 'g'"), 'study.gold_file: no two answers of kind = "critique" are equal'),
        (of("critique", "[stop]"), 'study.stop: no majority can be counted of kind = "critique"; leave it out'),
        (GOOD + "[stop]\nleast = 3", "study.stop.least: is above overlap = 1; raise overlap or lower it"),
        (of("critique", "choose = 'disagreement'"), "study.choose: disagreement is measured of comparisons only"),
        (GOOD + "candidates = 3", "study.candidates: a comparison is about 2 completions"),
        (of("ranking", "candidates = 1"), "study.candidates: a ranking is about 2 completions or more"),
        (of("demonstration", "candidates = 1"), "study.candidates: a demonstration is about no completion"),
        (GOOD + "consent = 'a'\nconsent_file = 'b'", "study.consent: given twice"),
        ("name = ", "study: not TOML"),
        ("", "study.name: missing; add it"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        Study.parse(text)
    assert said in str(caught.value)


def test_files_are_read_and_paths_made_absolute(tmp_path: Path) -> None:
    (tmp_path / "how.md").write_text("# Read this\n", encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(GOOD + 'instructions_file = "how.md"\nitems_file = "items.jsonl"\n')
    study = Study.load(path)
    assert study.instructions == "# Read this\n"
    assert study.items_file == str(tmp_path / "items.jsonl")
    with pytest.raises(StorageError, match="no such file"):
        Study.load(tmp_path / "nothing.toml")
    path.write_text(GOOD + 'instructions_file = "nothing.md"\n')
    with pytest.raises(StorageError, match=r"nothing.md: no such file"):
        Study.load(path)


def test_what_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(GOOD.encode() + b'thanks = "caf\xe9"\n')
    with pytest.raises(StudyError, match=r"study.toml:5: not UTF-8 \(byte \d+\); save the file as UTF-8"):
        Study.load(path)
    (tmp_path / "how.md").write_bytes(b"\xff\xfe")
    path.write_text(GOOD + 'instructions_file = "how.md"\n')
    with pytest.raises(StudyError, match=r"how.md:1: not UTF-8"):
        Study.load(path)


def test_the_digest_is_of_what_people_go_by() -> None:
    study = Study.parse(GOOD)
    assert study.guideline_digest == Study.parse(GOOD + "overlap = 3").guideline_digest
    assert study.guideline_digest != Study.parse(GOOD + 'instructions = "Be kind."').guideline_digest
    rating = of("rating", "[scale]\nlow = 1\nhigh = 5\n")
    assert Study.parse(rating).scale == Scale(low=1, high=5)
    assert Study.parse(rating).guideline_digest != Study.parse(rating + "step = 1").guideline_digest


@pytest.mark.parametrize(("section", "prefix"), [(Study, ""), (Stop, "stop."), (Pay, "pay.")])
def test_every_key_is_documented(section: type[BaseModel], prefix: str) -> None:
    text = (Path(__file__).parents[2] / "docs/study.md").read_text(encoding="utf-8")
    assert [name for name in section.model_fields if f"| `{prefix}{name}` |" not in text] == []
