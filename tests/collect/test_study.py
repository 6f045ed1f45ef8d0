"""Study files: what is wrong is named with its key and the remedy."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from accord.collect.study import KINDS, Chat, Dialogue, Experts, Pay, Platform, ScreenOut, Stop, Study
from accord.collect.study.assist import Assist
from accord.errors import StorageError, StudyError
from accord.records import Scale

HEAD = 'name = "s"\ntitle = "A study"\n'


def text_of(top: str = "", *, kind: str = "comparison", question: str = "") -> str:
    """A study file; `top` are keys and sections of the study, `question` keys of its question."""
    return f'{HEAD}{top}\n[[questions]]\nkind = "{kind}"\ntext = "Which?"\n{question}\n'


GOOD = text_of()
QUESTION = GOOD.removeprefix(HEAD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "study.questions: missing; ask one: [[questions]] with its kind and its text"),
        (HEAD + "questions = []", "study.questions: empty; ask one"),
        (HEAD + QUESTION.replace("[[questions]]", "[questions]"), "study.questions: is a list; write [[questions]]"),
        (GOOD + QUESTION, 'study.questions[1].name: another question is called "comparison" too; give each a name'),
        (GOOD.replace('text = "Which?"\n', ""), "study.questions[0].text: missing; add it"),
        (GOOD.replace('"Which?"', '""'), "study.questions[0].text: String should have at least 1 character"),
        (GOOD.replace('kind = "comparison"\n', ""), "study.questions[0].kind: missing; add it"),
        (
            text_of(kind="comparision"),
            "study.questions[0].kind: 'comparision' is no kind of judgement; did you mean 'comparison'?",
        ),
        (text_of(kind="declined"), "study.questions[0].kind: 'declined' is no kind of judgement"),
        (
            text_of(question="labels = ['a']"),
            'study.questions[0].labels: belongs to kind = "label", not to "comparison"; leave it out',
        ),
        (text_of(question="tie = true"), "study.questions[0].tie: no such key; did you mean 'ties'?"),
        (text_of(kind="label"), "study.questions[0].labels: missing; add it"),
        (text_of(kind="label", question="labels = []"), "study.questions[0].labels: Tuple should have at least 1 item"),
        (text_of(kind="label", question="labels = ['a,b']"), "study.questions[0].labels: 'a,b' holds a comma"),
        (text_of(kind="label", question="labels = ['a', 'a']"), "a name stands twice"),
        (text_of(kind="rating"), "study.questions[0].scale: missing; add it"),
        (
            text_of(kind="rating", question="[questions.scale]\nlow = 5\nhigh = 1"),
            "study.questions[0].scale: the low end 5.0 is not below the high end 1.0",
        ),
        (
            text_of(kind="rating", question="[questions.scale]\nlow = 1\nhigh = 5\nstepp = 1"),
            "study.questions[0].scale.stepp: no such key; did you mean 'step'?",
        ),
        (text_of(kind="spans"), "study.questions[0].span_types: missing; add it"),
        (
            text_of(kind="rating", question="strength = true\n[questions.scale]\nlow = 1\nhigh = 2"),
            "study.questions[0].strength: belongs to kind",
        ),
        (text_of("overlapp = 2"), "study.overlapp: no such key; did you mean 'overlap'?"),
        (text_of("[stop]\nleest = 2"), "study.stop.leest: no such key; did you mean 'least'?"),
        (text_of("[pay]\nper_itm = 2"), "study.pay.per_itm: no such key; did you mean 'per_item'?"),
        (
            text_of("[sampling]\ntemprature = 1.0"),
            "study.sampling.temprature: no such key; did you mean 'temperature'?",
        ),
        (text_of("reserve_minutes = inf"), "study.reserve_minutes: Input should be less than or equal to 525600"),
        (text_of("break_minutes = 1e12"), "study.break_minutes: Input should be less than or equal to 525600"),
        (text_of("overlap = 0"), "study.overlap: Input should be greater than or equal to 1, not 0"),
        (GOOD.replace('"s"', '"a b"'), "study.name: String should match pattern"),
        (text_of("[quotas]\nage = {young = 0.5, old = 0.5}"), "study.quotas.age: no such attribute"),
        (
            text_of("[attributes]\nage = ['young', 'old']\n[quotas]\nage = {young = 0.5, old = 0.4}"),
            "study.quotas.age: the shares sum to 0.9; make them sum to 1",
        ),
        (
            text_of("[attributes]\nage = ['young', 'old']\n[quotas]\nage = {yong = 0.5, old = 0.5}"),
            "study.quotas.age.yong: no such option; did you mean 'young'?",
        ),
        (text_of("[attributes]\nage = []"), "study.attributes.age: name each option once, and one at least"),
        (
            text_of("gold_share = 0.1"),
            "study.gold_share: needs questions whose answer is known; name them in gold_file",
        ),
        (
            text_of("gold_file = 'g'\ngold_share = 0.3\nrepeat_share = 0.3"),
            "study.gold_share: gold_share and repeat_share are more than half of all",
        ),
        (text_of("gold_file = 'g'", kind="critique"), 'study.gold_file: no two answers of kind = "critique" are equal'),
        (
            text_of("[stop]", kind="critique"),
            'study.stop: no majority can be counted of kind = "critique"; leave it out',
        ),
        (text_of("[stop]\nleast = 3"), "study.stop.least: is above overlap = 1; raise overlap or lower it"),
        (
            text_of("choose = 'disagreement'", kind="critique"),
            "study.choose: disagreement is measured of comparisons only",
        ),
        (text_of("candidates = 3"), "study.candidates: a comparison is about 2 completions"),
        (text_of("candidates = 1", kind="ranking"), "study.candidates: a ranking is about 2 completions or more"),
        (text_of("candidates = 1", kind="demonstration"), "study.candidates: a demonstration is about no completion"),
        (text_of("consent = 'a'\nconsent_file = 'b'"), "study.consent: given twice"),
        ("name = ", "study: not TOML"),
        ("", "study.name: missing; add it"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        Study.parse(text)
    assert message in str(caught.value)


def test_files_are_read_and_paths_made_absolute(tmp_path: Path) -> None:
    (tmp_path / "how.md").write_text("# Read this\n", encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(text_of('instructions_file = "how.md"\nitems_file = "items.jsonl"\n'))
    study = Study.load(path)
    assert study.instructions == "# Read this\n"
    assert study.items_file == str(tmp_path / "items.jsonl")
    with pytest.raises(StorageError, match="no such file"):
        Study.load(tmp_path / "nothing.toml")
    path.write_text(text_of('instructions_file = "nothing.md"\n'))
    with pytest.raises(StorageError, match=r"nothing.md: no such file"):
        Study.load(path)


def test_what_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(HEAD.encode() + b'thanks = "caf\xe9"\n' + QUESTION.encode())
    with pytest.raises(StudyError, match=r"study.toml:3: not UTF-8 \(byte \d+\); save the file as UTF-8"):
        Study.load(path)
    (tmp_path / "how.md").write_bytes(b"\xff\xfe")
    path.write_text(text_of('instructions_file = "how.md"\n'))
    with pytest.raises(StudyError, match=r"how.md:1: not UTF-8"):
        Study.load(path)


def test_the_digest_is_of_what_people_go_by() -> None:
    study = Study.parse(GOOD)
    assert study.guideline_digest == Study.parse(text_of("overlap = 3")).guideline_digest
    assert study.guideline_digest != Study.parse(text_of('instructions = "Be kind."')).guideline_digest
    rating = text_of(kind="rating", question="[questions.scale]\nlow = 1\nhigh = 5")
    assert getattr(Study.parse(rating).question, "scale", None) == Scale(low=1, high=5)
    assert Study.parse(rating).guideline_digest != Study.parse(rating + "step = 1").guideline_digest


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (text_of('instructions = "Be kind."'), "d9b74d7c359d2409851bd429ef3730a1fc3d7eed8fa2c697b1e8a67f8698269a"),
        (
            text_of(kind="rating", question="[questions.scale]\nlow = 1\nhigh = 5\nstep = 1"),
            "31268c8ae11b706ac897cbeee61f24d5e5ba0cda92cf0fb52e0590058254b15b",
        ),
        (
            text_of(kind="label", question='labels = ["kind", "true"]'),
            "6f9bcd542ae65b02beb19c89e72640d6c21867ca306d551f2fdf8a7242de5327",
        ),
        (
            text_of(kind="spans", question='span_types = ["wrong", "rude"]'),
            "a5713ac02d77d2cefca7c0fc0c38e3b75b1b40dab0eee46a1453225f97be53a3",
        ),
    ],
)
def test_the_digest_is_that_of_earlier_versions(text: str, digest: str) -> None:
    assert Study.parse(text).guideline_digest == digest


@pytest.mark.parametrize("key", list(Study.renamed))
def test_a_key_of_earlier_versions_is_refused_with_the_new_one(key: str) -> None:
    new = Study.renamed[key]
    with pytest.raises(StudyError, match=re.escape(f"study.{key}: renamed to {new}")):
        Study.parse(text_of(f'{key} = "x"'))
    sections = [Study, *KINDS.values()]
    assert any(new.removeprefix("questions.") in section.model_fields for section in sections)


def test_the_sections_of_the_documents_can_be_read() -> None:
    """The blocks of TOML that ask something are studies, once they have a name."""
    text = (Path(__file__).parents[2] / "docs/study.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```toml\n")[1:]]
    asking = [block for block in blocks if "[[questions]]" in block]
    assert len(asking) >= 2
    for block in asking:
        assert Study.parse(HEAD + block).questions


@pytest.mark.parametrize(
    ("section", "prefix"),
    [
        (Study, ""),
        (Stop, "stop."),
        (Experts, "experts."),
        (Pay, "pay."),
        (Assist, "assist."),
        (Dialogue, "dialogue."),
        (Platform, "platform."),
        (ScreenOut, "screen_out."),
        (Chat, "chat."),
        *((kind, "") for kind in KINDS.values()),
    ],
)
def test_every_key_is_documented(section: type[BaseModel], prefix: str) -> None:
    text = (Path(__file__).parents[2] / "docs/study.md").read_text(encoding="utf-8")
    assert [name for name in section.model_fields if f"| `{prefix}{name}` |" not in text] == []
