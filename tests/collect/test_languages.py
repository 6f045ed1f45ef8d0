"""Pages in other languages: nothing of them is written anywhere but in the catalogue, and what a catalogue may hold."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from other_languages import leftovers, write_made_up
from several_laid_out import IN_TURN, TOGETHER, lay_out_several
from small_studies import KINDS, LABELS, Clock, Forms, Visitor, lay_out, opened, token_in, visiting
from test_dialogue import Echo
from test_web_dialogue import TOML, say
from test_web_pages import FILLED, WRONG, feedback_in

from accord.cli.main import run
from accord.collect import Study
from accord.collect.desk.service import Desk
from accord.collect.study.catalogue import english, packaged_languages, packaged_texts, read_texts
from accord.collect.study.interface_languages import missing_texts
from accord.collect.study.kinds import KINDS as QUESTIONS
from accord.collect.study.locale_rules import LocaleRules, canonical_language
from accord.collect.study.phrases import phrase, translate
from accord.collect.web.app import make_house
from accord.collect.web.page_texts import PageTexts
from accord.errors import ModelError, StudyError
from accord.feedback import Ledger
from accord.records import Comparison, Ranking

MADE_UP = 'language = "eo"\ntexts = "eo.toml"\n'
OWN = ("Plain answers", "muddled", "clear", *LABELS, "unsupported", "wrong", "Use what you know.", "Gets rude.")


def in_made_up(study: Path) -> Path:
    """The study in the made-up language."""
    write_made_up(study.parent / "eo.toml")
    study.write_text(MADE_UP + study.read_text())
    return study


def own_texts(desk: Desk) -> tuple[str, ...]:
    """What the study itself puts on its pages."""
    texts = [text for question in desk.study.questions for text in (question.text, question.hint) if text]
    typed = [form["text"].replace("\r", "") for form in FILLED.values() if "text" in form]
    known = [sample["gold"]["text"] for sample in KINDS.values() if "text" in sample["gold"]]
    return (*OWN, *typed, *known, "both", "purple", desk.study.title, desk.study.name, *texts)


class Reader(Visitor):
    """Somebody who reads all of every page, in the made-up language."""

    def __init__(self, visitor: Visitor, own: tuple[str, ...]) -> None:
        super().__init__(visitor.client)
        self.own = own
        self.left: list[str] = []
        self.client.event_hooks["response"].append(self._read)

    def _read(self, response: Any) -> None:
        response.read()
        if not response.is_redirect and response.headers.get("content-type", "").startswith("text/html"):
            assert '<html lang="eo" dir="ltr"' in response.text
            self.left += [f"{response.url}: {text}" for text in leftovers(response.text, self.own)]


@contextmanager
def read_through(study: Path, folder: Path, **more: Any) -> Iterator[tuple[Desk, Reader]]:
    """A desk and somebody who joins and reads; what was not in the catalogue fails the test."""
    clock = Clock()
    with opened(in_made_up(study), folder / "people.db", clock) as desk, visiting(desk, clock, **more) as visitor:
        reader = Reader(visitor(), own_texts(desk))
        reader.join(desk.invite().token)
        yield desk, reader
    assert reader.left == []


@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_of_a_kind_is_said_but_from_the_catalogue(tmp_path: Path, kind: str) -> None:
    study = lay_out(tmp_path, kind, practice=True)
    with read_through(study, tmp_path) as (_, reader):
        reader.get("/instructions")
        assert reader.answer(**FILLED[kind]).status_code == 200, "practice"
        assert reader.answer(**WRONG[kind]).status_code == 400
        reader.answer(**FILLED[kind])
        reader.post("/undo", seen="/work")
        reader.answer(declined="1", reason="")
    (record,) = feedback_in(tmp_path / "people.db")[-1:]
    assert record.language == "eo"


def test_every_other_page(tmp_path: Path) -> None:
    top = """comment = true
session_items = 2
show = ["source", "hard"]
warning = "Gets rude."
gold_file = "gold.jsonl"
gold_share = 0.1
repeat_share = 0.1
"""
    more = """[suggest]
share = 1
[attributes]
age = ["young", "old"]
[pay]
per_item = 0.5
per_hour = 12
currency = "EUR"
"""
    fields = {
        "metadata": {"source": "exam", "hard": True, "weight": 1.5},
        "suggestion": {"kind": "comparison", "preferred": "left"},
        "warning": "Gets rude.",
    }
    study = lay_out(tmp_path, top=top, more=more, **fields)
    gold = {**KINDS["comparison"]["items"][-1], "gold": KINDS["comparison"]["gold"]}
    (study.parent / "gold.jsonl").write_text(json.dumps({**gold, "prompt": "Gold"}) + "\n")
    clock = Clock()
    with opened(in_made_up(study), tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        own = (*own_texts(desk), "exam", "source", "hard", "young", "old", "Age", "EUR")
        reader = Reader(visitor(), own)
        assert reader.get("/work").status_code == 401
        invite = desk.invite().token
        assert reader.post(f"/join/{invite}", {}).status_code == 400
        reader.join(invite, **{"about-0": "young"})
        for path in ("/pause", "/device", "/code", "/nowhere", "/join/forged", "/work/none"):
            reader.get(path)
        reader.post("/device")
        reader.post("/code", {"code": "WRONG"})
        assert reader.client.post("/undo", data={"_csrf": "no"}).status_code == 403
        path, form = reader.work()
        reader.answer(preferred="left", strength="0.6")
        late = reader.client.post(path, data={**form, "preferred": "right"})
        assert late.status_code == 409
        reader.answer(preferred="left")
        assert "⟦" in reader.get("/work").text, "a break"
        desk.pause(next(iter(desk.progress().people)).pseudonym, "why")
        reader.get("/work")
        reader.post("/leave", seen="/pause")
        back = Reader(visitor(), own)
        back.get(f"/join/{desk.link(next(iter(desk.progress().people)).pseudonym).token}")
        assert [*reader.left, *back.left] == []


@pytest.mark.parametrize("questions", [IN_TURN, TOGETHER])
def test_several_questions(tmp_path: Path, questions: str) -> None:
    with read_through(lay_out_several(tmp_path, questions), tmp_path) as (_, reader):
        reader.own += ("rude", "false", "misleading")
        reader.get("/instructions")
        reader.get("/work")
        if questions == IN_TURN:
            reader.answer(preferred="left")
            reader.answer(value="6")
            reader.answer(open="1")
        else:
            assert reader.answer(**{"better-preferred": "left", "clear-value": "99"}).status_code == 400


def test_a_dialogue_and_a_writer_that_fails(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps({"prompt": "Plan a weekend.", "warning": "Gets rude."}) + "\n")
    (tmp_path / "study.toml").write_text(TOML.format(question='kind = "comparison"', more="").replace("thanks", "#"))
    study = in_made_up(tmp_path / "study.toml")
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = Desk(Study.load(study), ledger, writer=Echo(ModelError("gone")))
        desk.load_items()
        with visiting(desk) as visitor:
            reader = Reader(visitor(), (*own_texts(desk), "Plan a weekend.", "Gets rude."))
            reader.join(desk.invite().token)
            assert say(reader, "").status_code == 400
            say(reader, "What of Sunday?")
            say(reader, "What of Sunday?")
            reader.answer(preferred="left")
            reader.get("/instructions")
            forms = Forms(reader.get("/work").text).forms
            [ending] = [path for path in forms if path.endswith("/end")]
            reader.client.post(ending, data=forms[ending], follow_redirects=True)
            assert reader.left == []


# -- what a catalogue may hold --------------------------------------------------------------------------------------


def test_what_is_packaged_is_whole_and_fits() -> None:
    assert packaged_languages() == ("de", "en")
    for language in packaged_languages():
        catalogue = packaged_texts(language)
        assert (catalogue.missing, catalogue.less) == ([], []), language


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[work]\nsned = "x"', "work.sned: no such key; did you mean 'work.send'?"),
        ('[rest]\ngiven = "Ja"', "rest.given: {n} is missing"),
        ('[rest]\nuntil = "Ab {when}"', "rest.until: {when} is no place for a value here; it has {time}"),
        ('[rest]\nuntil = "Ab {time} {"', "rest.until: a brace stands alone"),
        ('[rest]\nuntil = "{time.__class__}"', "rest.until: {time} is missing"),
        ('[work]\nsend = "`x`"', "work.send: has ` marks `"),
        ('[work]\nsend = "**x**"', "work.send: has ** marks **"),
        ('[work]\nsend = " "', "work.send: is empty"),
        ("[work]\nsend = 3", "work.send: is no text"),
        ('[work]\nsend = {one = "a", other = "b"}', "work.send: counts nothing"),
        ('[rest]\ngiven = {one = "Eine"}', "rest.given: lacks the form other"),
        ('[rest]\ngiven = {few = "{n}", other = "{n}"}', "rest.given.few: no plural form of de"),
        ('[rest]\ngiven = {one = "Eine", other = "Viele"}', "rest.given.other: {n} is missing"),
        ("[work", "not TOML"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(StudyError) as refused:
        read_texts(tmp_path / "mine.toml", "de")
    assert str(refused.value).startswith("mine.toml: ")
    assert told in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[work]\nsned = "x"\nnext = "{n}"')
    with pytest.raises(StudyError, match="2 of its texts"):
        read_texts(tmp_path / "mine.toml", "de")


def test_what_is_missing_is_in_english_and_named(tmp_path: Path) -> None:
    (tmp_path / "nl.toml").write_text('[work]\nsend = "Versturen"\n[rest]\ngiven = {other = "{n} antwoorden."}\n')
    texts = read_texts(tmp_path / "nl.toml", "nl")
    page = PageTexts(texts)
    assert page("work.send") == "Versturen"
    assert page("work.next") == "Next"
    assert page("rest.given", n=1) == "1 antwoorden."
    missing, less = missing_texts({"nl": texts})
    assert "work.next" in missing
    assert "consent.*" in missing
    assert "work.send" not in missing.replace(",", "").split()
    assert less == "nl: plural forms are missing, other stands there: rest.given.one"
    (tmp_path / "de.toml").write_text('[work]\nsend = "Senden"\n')
    own = read_texts(tmp_path / "de.toml", "de")
    assert missing_texts({"de": own}) == [], "what a file lacks is packaged"
    assert (PageTexts(own)("work.send"), PageTexts(own)("work.next")) == ("Senden", "Weiter")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('language = "xx"', "study.language: 'xx' is no language that is known"),
        ('language = "PT-br"', "'PT-br' is written 'pt-BR'"),
        ('language = "fr"', "no texts are packaged for it (only for de, en)"),
        ('languages = ["de"]', "'en' is not among languages"),
        ('languages = ["en", "en"]', "name each language once"),
        ('languages = ["en", "fr"]', "study.languages: 'fr': no texts"),
        ('texts = {fr = "fr.toml"}', "study.texts.fr: no page is in this language"),
    ],
)
def test_languages_of_a_study_are_checked(tmp_path: Path, keys: str, told: str) -> None:
    with pytest.raises(StudyError) as refused:
        Study.load(lay_out(tmp_path, top=keys))
    assert told in str(refused.value)


def test_the_rules_of_languages() -> None:
    assert [LocaleRules("pl").plural_form(n) for n in (1, 2, 5, 22)] == ["one", "few", "many", "few"]
    assert [LocaleRules("ja").plural_forms, LocaleRules("ar").plural_forms[-1]] == [("other",), "other"]
    assert [LocaleRules(each).direction for each in ("ar", "he", "fa", "ur", "de")] == ["rtl"] * 4 + ["ltr"]
    assert (LocaleRules("de").number(1234.5), LocaleRules("en").number(1234.5)) == ("1.234,5", "1,234.5")
    assert LocaleRules("de").moment(datetime(2026, 3, 2, 9, 11, tzinfo=UTC)) == "02.03.2026, 09:11 UTC"
    assert LocaleRules("de").name == "Deutsch"
    assert canonical_language("zh_hant_tw") == "zh-Hant-TW"


def test_sentences_from_below_are_said_anew() -> None:
    german = packaged_texts("de")
    assert translate(german, "as it stands") == "as it stands"
    long = phrase("form.too_long", n=20001, most=20000)
    assert translate(german, long) == "20.001 Zeichen sind zu viele; kürzen Sie auf 20.000."
    words = QUESTIONS["comparison"](text="?", kind="comparison").describe(Comparison(preferred="right", strength=0.6))
    assert (words, translate(german, words)) == ("answer 2 is clearly better", "Antwort 2 ist deutlich besser")
    ranked = QUESTIONS["ranking"](text="?", kind="ranking").describe(Ranking(tiers=((1,), (0, 2))))
    assert ranked == "answer 2, then answer 1 and answer 3"
    assert translate(german, ranked) == "Antwort 2, dann Antwort 1 und Antwort 3"


def test_values_are_escaped_and_marks_are_not_taken_from_them() -> None:
    page = PageTexts(english())
    assert page("work.problem", problem="<b>`x`**y**{n}") == "<strong>Not sent yet.</strong> &lt;b&gt;`x`**y**{n}"
    assert page.translate(ValueError("<i>")) == "&lt;i&gt;"


# -- several languages ----------------------------------------------------------------------------------------------


def test_somebody_chooses_a_language_and_it_stays_and_is_on_record(tmp_path: Path) -> None:
    study = lay_out(tmp_path, top='languages = ["en", "de"]')
    with opened(study, tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        path = f"/join/{desk.invite().token}"
        page = person.get(path)
        assert '<button name="language" value="de" lang="de" dir="ltr">Deutsch</button>' in page.text
        assert "in which language you read the pages" in page.text
        german = person.post("/language", {"language": "de", "back": path}, seen=path)
        assert german.url.path == path
        assert '<html lang="de"' in german.text
        assert "Willkommen bei „Plain answers“" in german.text
        person.join(path.rpartition("/")[2])
        person.answer(preferred="left")
        english_again = person.post("/language", {"language": "en", "back": "/work"}, seen="/work")
        assert english_again.url.path == "/work"
        person.answer(preferred="left")
        for back in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "work", ""):
            form = {"language": "tlh", "back": back, "_csrf": token_in(person.get("/work").text)}
            answer = person.client.post("/language", data=form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/"), back
            assert "set-cookie" not in answer.headers
        assert person.client.post("/language", data={"language": "de"}).status_code == 403
        assert person.get("/admin/sign-in").text.count("Deutsch") == 0
    assert [record.language for record in feedback_in(tmp_path / "people.db")] == ["de", "en"]


def test_what_a_study_leaves_unsaid_is_in_its_language_and_what_it_says_stays(tmp_path: Path) -> None:
    for thanks, told in (("", "Vielen Dank."), ('thanks = "That is all."', "That is all.")):
        study = lay_out(tmp_path / told[0], top=f'language = "de"\n{thanks}')
        with opened(study, tmp_path / f"{told[0]}.db") as desk, visiting(desk) as visitor:
            person = visitor()
            person.join(desk.invite().token)
            for _ in range(8):
                person.answer(declined="1")
            page = person.get("/work").text
        assert told in page
        assert "Sie haben 8 Antworten gegeben. Sie können diese Seite schließen." in page


def test_one_language_offers_no_menu(tmp_path: Path) -> None:
    study = lay_out(tmp_path, top='language = "de"')
    with opened(study, tmp_path / "people.db") as desk, visiting(desk) as visitor:
        page = visitor().get(f"/join/{desk.invite().token}").text
    assert "/language" not in page
    assert "Sprache" not in page
    assert "Sie können jederzeit aufhören" in page


def test_the_start_page_of_several_studies(tmp_path: Path) -> None:
    top = 'languages = ["en", "de"]'
    with Ledger(tmp_path / "people.db", pooled=True) as ledger:
        desks = []
        for kind in ("comparison", "label"):
            desk = Desk(Study.load(lay_out(tmp_path, kind, top=top)), ledger)
            desk.load_items()
            desks.append(desk)
        import httpx
        from small_studies import serving_app

        with serving_app(make_house(desks)) as url, httpx.Client(base_url=url, timeout=60) as client:
            person = Visitor(client)
            join = f"/comparison/join/{desks[0].invite().token}"
            person.post(join, {"consent": "1"})
            page = person.post("/comparison/language", {"language": "de", "back": "/"}, seen="/")
            assert page.url.path == "/"
            assert "Woran Sie arbeiten können" in page.text
            assert '<html lang="de"' in person.get("/label/take-part").text


def test_what_does_not_fit_is_refused_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = lay_out(tmp_path, top='language = "nl"\ntexts = "nl.toml"')
    (study.parent / "nl.toml").write_text('[work]\nsned = "x"\n')
    assert run(["collect", str(study), "--ledger", str(tmp_path / "l.db")]) == 2
    assert "nl.toml: 1 of its texts cannot be taken" in capsys.readouterr().err
