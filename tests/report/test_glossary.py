"""Terms are linked where they stand, and nothing technical stands on a page that its glossary does not explain."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
import report_runs
from report_page_reading import Page

from accord.artefacts import RunReader
from accord.report.first_screen import changes, claims, facts
from accord.report.first_screen.topics import TOPICS
from accord.report.glossary import TERMS, Term, explained
from accord.report.glossary.linking import PLACE
from accord.report.page import render
from accord.report.table import QUANTITIES
from accord.run import RunDirectory

ROOT = Path(__file__).parents[2]
TWO = (Term("policy", "the model that a judge scores", ("policies",)), Term("judge", "gives scores"), Term("KL", "far"))

# Words of the field that a reader of a newspaper does not know in this sense.
FIELD = (
    "policy", "policies", "reward model", "reward", "independent judge", "evaluators", "held-out", "pairs", "ties",
    "prompt", "completion", "ledger", "accuracy", "calibration", "ECE", "TF-IDF", "logistic regression",
    "standard deviation", "win rate", "KL", "nats", "entropy", "token", "tokens", "distinct-1", "distinct-2", "optimum",
    "coefficient", "PPO", "DPO", "loss", "gradient norm", "clipped", "rollout", "log-ratio", "margin", "inconclusive",
    "not assessable", "threshold", "intervals", "independent units", "SHA-256", "seed", "recipe", "temperature",
    "isotonic", "integrated gradients", "raking", "Dawid-Skene", "pseudonyms", "reference", "gameable",
)  # fmt: skip


def listed(terms: Sequence[Term]) -> str:
    return "".join(f'<dt id="{term.id}">{term.name}</dt><dd>{term.meaning}</dd>' for term in terms)


class Prose(HTMLParser):
    """The page's own words, section by section, links to terms left out; and the terms that each section links."""

    OPAQUE = frozenset({"style", "svg", "title", "blockquote", "bdi", "code", "pre", "h1", "h2", "summary", "a"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[tuple[list[str], list[str]]] = [([], [])]
        self._open: list[str] = []
        self._data = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"meta", "br"}:
            return
        if tag == "h2":
            self.sections.append(([], []))
        if values.get("class") == "glossary":
            self._open.append("dl!")
            return
        if values.get("class") == "term":
            self.sections[-1][1].append((values["href"] or "").removeprefix("#"))
        opaque = tag in self.OPAQUE or "data" in (values.get("class") or "").split()
        self._open.append(f"{tag}!" if opaque else tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not any(tag.endswith("!") for tag in self._open):
            self.sections[-1][0].append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return report_runs.whole(tmp_path_factory.mktemp("glossary") / "demo")


@pytest.fixture(scope="module")
def page(run: RunDirectory) -> str:
    return render(run)


def test_the_first_of_each_section_is_linked_and_what_an_entry_uses_is_explained_too() -> None:
    text = f"<h2>A policy</h2><p>The policy, its policies.</p><h2>B</h2><p>Policies &amp; Policy</p>{PLACE}"
    shown = explained(text, listed, TWO)
    link = '<a class="term" href="#term-policy">{}</a>'
    assert shown.startswith(f"<h2>A policy</h2><p>The {link.format('policy')}, its policies.</p>")
    assert f"<p>{link.format('Policies')} &amp; Policy</p>" in shown
    assert shown.endswith('<dd>the model that a <a class="term" href="#term-judge">judge</a> scores</dd>')
    assert '<dt id="term-judge">judge</dt>' in shown
    assert "term-kl" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "<blockquote>policy</blockquote>", "<code>policy</code>", "<bdi>policy</bdi>", '<a href="#x">policy</a>',
        '<p class="data">policy <b>policy</b></p>', "<svg><text>policy</text></svg>", "<summary>policy</summary>",
        "<p>policy-model</p>", "<p>kl</p>", '<p title="policy">x</p>', "<p>repolicy</p>", "<p>&policy;</p>",
    ],
)  # fmt: skip
def test_what_is_no_prose_stays_as_it_is(text: str) -> None:
    assert explained(f"{text}{PLACE}", listed, TWO) == text


@pytest.mark.parametrize("text", ["", f"{PLACE}{PLACE}"])
def test_a_page_without_one_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one place for its glossary"):
        explained(text, listed, TWO)


def test_data_cannot_open_a_place_or_a_link_of_its_own() -> None:
    text = f"<p>&lt;!-- glossary --&gt; &lt;a href=&quot;#term-kl&quot;&gt;</p>{PLACE}"
    assert explained(text, listed, TWO) == text.replace(PLACE, "")


def test_every_link_to_a_term_has_its_entry_and_no_entry_is_idle(page: str) -> None:
    read = Page(page)
    linked = {(each["href"] or "")[1:] for each in read.of("a") if each.get("class") == "term"}
    entries = {each["id"] for each in read.of("dt") if (each.get("id") or "").startswith("term-")}
    assert linked == entries
    assert len(entries) > 30


@pytest.mark.parametrize("word", FIELD)
def test_a_word_of_the_field_that_a_section_uses_is_linked_in_it(page: str, word: str) -> None:
    known = {form: term.id for term in TERMS for form in (term.name, *term.forms)}
    longest_first = "|".join(map(re.escape, sorted(FIELD, key=len, reverse=True)))
    for words, links in Prose(page).sections:
        if word in re.findall(rf"(?<![\w-])(?:{longest_first})(?![\w-])", " ".join(words)):
            assert known.get(word) in links


def test_no_abbreviation_stands_unexplained(page: str) -> None:
    """Capitals in a row are a name of a challenge, a file's, a stranger's, or a term."""
    known = {form for term in TERMS for form in (term.name, *term.forms)} | {"SHA-256", "GHz", "SD"}
    words = " ".join(word for section, _ in Prose(page).sections for word in section)
    explained_ones = {part for name in known for part in re.findall(r"[A-Z]{2,}", name)}
    challenges = {part for name in TOPICS for part in name.split("-")}
    found = {each for each in re.findall(r"\b[A-Z]{2,}\b", words) if not each.isdigit()}
    assert found - explained_ones - challenges - {"RG", "X"} <= set()


def test_the_first_screen_needs_no_glossary(run: RunDirectory) -> None:
    reader = RunReader.of(run)
    said = changes(reader)
    own = [said.headline, said.measured, said.basis, *said.sentences, claims(reader).headline, *TOPICS.values()]
    own += [fact.name for fact in facts(reader)]
    own += [fact.value for fact in facts(reader) if fact.name != "What was asked"]
    text = " ".join(own).replace("parameters", "")  # explained where it stands
    plain = {"judge", "judges", "judged", "run", "step", "steps", "claimed", "share", "not assessable", "pair"}
    for term in TERMS:
        for form in {term.name, *term.forms} - plain:
            assert re.search(rf"(?<![\w-]){re.escape(form)}(?![\w-])", text) is None, form


def test_names_of_measures_lead_to_what_they_mean() -> None:
    explained_ones = [form for term in TERMS for form in (term.name, *term.forms) if len(form) > 1]
    costless = {"the same answer always", "length alone", "texts that end themselves, start", "which words stand in it"}
    for quantity in QUANTITIES:
        name = f"{quantity.group}: {quantity.name}"
        assert quantity.name in costless or any(form in name for form in explained_ones), name


def test_forms_and_anchors_are_unambiguous() -> None:
    forms = [form for term in TERMS for form in (term.name, *term.forms)]
    assert len(forms) == len(set(forms))
    assert len({term.id for term in TERMS}) == len(TERMS)
    assert all(term.meaning.endswith(".") for term in TERMS)


def test_the_documents_hold_the_same_words() -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    section = text.partition("## On the page of a run\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("* ")]
    terms = sorted(TERMS, key=lambda term: term.name.lower())
    assert rows == [f"* **{term.name}**: {term.meaning}" for term in terms]
