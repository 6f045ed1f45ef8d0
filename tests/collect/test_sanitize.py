"""What is shown of a model's text: all of it, nothing alive, nothing hidden."""

import html
import re
import unicodedata
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.collect.study.line_ends import with_plain_ends
from accord.collect.web.sanitize import literal, literal_lines, render_trusted, render_untrusted

ODD = "\u202e\u2066\u200b\u200d\ufeff\u00ad\u3164\U000e0041\U000e0101\x00\x07\r\u2028"
ALIVE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "![x](http://e/p)"]
TEXTS = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from([*ODD, *ALIVE, "\n", "# ", "1. ", "> ", "|", "`"]))
).map("".join)
ALLOWED = {
    "a",
    "p",
    "span",
    "div",
    "ol",
    "ul",
    "li",
    "pre",
    "code",
    "blockquote",
    "em",
    "strong",
    "s",
    "del",
    "br",
    "hr",
}
ALLOWED |= {"table", "thead", "tbody", "tr", "th", "td", "h2", "h3", "h4"}


class Reader(HTMLParser):
    """The elements of a page, their attributes and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXTS)
def test_nothing_of_a_written_text_is_alive(text: str) -> None:
    page = Reader(str(render_untrusted(text)))
    assert page.tags <= ALLOWED - {"a"}
    assert page.attributes <= {"class", "title", "data-n", "align", "start", "dir"}


@given(TEXTS)
def test_every_word_is_shown(text: str) -> None:
    shown = Counter(re.findall(r"[^\W_]+", Reader(str(render_untrusted(text))).text))
    words = re.findall(r"[^\W_]+", re.sub("[\u115f\u1160\u3164\uffa0]", " ", text))  # letters that draw nothing
    assert not Counter(words) - shown


@given(TEXTS)
def test_nothing_unseen_is_left(text: str) -> None:
    for page in (render_untrusted(text), literal(text)):
        bad = [
            letter
            for letter in html.unescape(str(page))
            if unicodedata.category(letter) in {"Cf", "Cc", "Zl", "Zp", "Co"}
        ]
        assert set(bad) <= set("\n\t\u200c\u200d") | set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")


@given(TEXTS)
def test_plain_is_the_text_character_by_character(text: str) -> None:
    page = re.sub('<span class="end" data-n="1">\n?</span>', "&#x0;D;", str(literal(text)))
    page = re.sub(r'<span class="odd" data-n="1" title="[^"]*">U\+([0-9A-F]+)</span>', r"&#x0;\1;", page)
    back = re.sub("\ufffd([0-9A-F]+);", lambda m: chr(int(m[1], 16)), html.unescape(page))
    assert "\ufffd" in text or back == text


@given(TEXTS)
def test_lines_begin_where_they_say(text: str) -> None:
    lines = literal_lines(text)
    assert [line.shown for line in lines] == [literal(line) for line in with_plain_ends(text).split("\n")]
    assert all(line.start == 0 or text[line.start - 1] in "\r\n" for line in lines)
    assert "".join(line.shown + line.end for line in lines) == literal(text)


@given(TEXTS)
def test_own_words_link_to_web_pages_alone(text: str) -> None:
    page = Reader(str(render_trusted(text)))
    assert page.tags <= ALLOWED | {"h2", "h3", "h4"}
    assert all(re.match(r"https?:|mailto:", address) for address in page.addresses)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](http://x.y)", '<span class="link">a</span> <span class="url">(http://x.y)</span>'),
        ("![cat](http://e/p.png)", '<span class="image">cat</span> <span class="url">(http://e/p.png)</span>'),
        ("3. c", '<span class="number">3.</span> c'),
        ("a\u202eb", 'a<span class="odd" data-n="1" title="right-to-left override">U+202E</span>b'),
        ("# Title", '<p class="heading" dir="auto"><span class="url">#</span> Title</p>'),
        ("```py\nx\n```", '<pre><span class="language">py</span><code>x\n</code></pre>'),
    ],
)
def test_written(text: str, shown: str) -> None:
    assert shown in str(render_untrusted(text))


@pytest.mark.parametrize(
    "text",
    ["|a|b|\n|-|-|\n|1|2|3|", ">" * 40 + "deep", "AT&amp;T", "<b>bold</b>", "<!-- hidden -->", "[a]: http://x 'y'"],
)
def test_what_markdown_would_swallow_is_shown_as_it_stands(text: str) -> None:
    assert html.unescape(re.sub("<[^>]*>", "", str(render_untrusted(text)))).strip() == text


@pytest.mark.parametrize("text", ["👩\u200d🚀", "❤\ufe0f", "می\u200cخواهم", "क्\u200dष", "1\ufe0f\u20e3"])
def test_joiners_that_do_their_work_stay(text: str) -> None:
    assert str(literal(text)) == text


@pytest.mark.parametrize("text", ["a\u200db", "a\ufe0fb", "\u200d", "x\u3164"])
def test_joiners_that_hide_are_shown(text: str) -> None:
    assert "odd" in str(literal(text))
