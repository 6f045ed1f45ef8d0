"""What is shown is what is judged: what differs between two texts is seen to differ, and nothing is shown otherwise."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from accord.collect.study.line_ends import with_plain_ends
from accord.collect.web.sanitize import render_untrusted
from accord.collect.web.shown_texts import show_texts

MARKS: list[str] = []
for few in ("* ** _ __ ~~ ` # | --- ===", "\\ \\( \\) > >>> + - ( ) [ ]", "[a](b) ![a](b) <b> <http://a> &amp; & $"):
    MARKS += few.split()
MARKS += ["```\n", "# ", "- ", "+ ", "1. ", "1) ", "> ", "\n", "\n\n", "  \n", "    ", " ", "\t", "\r\n", "\r", "\0"]
TWINS = ["\u0430", "a", "e\u0301", "\u00e9", "\u212b", "\u00c5", "\ufb01", "fi", "\u200b", "\u202e"]
TWINS += ["\u1112\u1161", "\ud558", "\u2011", "-", "\u00a0", "\u2028"]
PIECES = st.sampled_from([*MARKS, *TWINS, "x", "y", "2", "a b", "(", ")", "x**2 + y**2", "5*4*3", "重要", "مرحبا"])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=10).map("".join)


def seen(page: Markup) -> str:
    """What a reader sees: characters, signs in boxes, and blanks as far as they make room."""
    boxed = re.sub(r'<span class="odd"[^>]*>([^<]*)</span>', "\ue000\\1\ue001", str(page))
    return " ".join(html.unescape(re.sub("<[^>]*>", "", boxed)).split())


@given(TEXTS, TEXTS, st.booleans())
def test_texts_that_differ_are_seen_to_differ(first: str, second: str, markdown: bool) -> None:
    one, other = show_texts([first, second], markdown=markdown)
    assert (seen(one.shown) == seen(other.shown)) == (first == second)


@given(TEXTS, st.data())
def test_a_text_and_the_same_with_one_change(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    changed = text[:place] + data.draw(PIECES) + text[place + data.draw(st.integers(0, 1)) :]
    one, other = show_texts([text, changed], markdown=True)
    assert (seen(one.shown) == seen(other.shown)) == (text == changed)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x**2 + y**2", "x2 + y2"),
        ("**2 + y**", "2 + y"),
        ("5*4*3 = 60", "543 = 60"),
        ("__init__", "init"),
        (r"\(x\)", "(x)"),
        ("if x:\n    y\n", "if x:\ny\n"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
        ("- a", "* a"),
        ("`x`", "x"),
        ("~~~\nx\n~~~", "```\nx\n```"),
        ("a\n\n\nb", "a\n\nb"),
        ("a\r\nb", "a\nb"),
        ("a b", "a  b"),
        ("a", "a "),
        ("a", "a\n"),
        ("a b", "a\tb"),
        ("a b", "a\u00a0b"),
        ("caf\u00e9", "cafe\u0301"),
        ("p\u0430y", "pay"),
        ("[a](b)", "a (b)"),
        ("&amp;", "&"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_pairs_that_markdown_would_show_alike(first: str, second: str) -> None:
    one, other = show_texts([first, second], markdown=True)
    assert seen(one.shown) != seen(other.shown)
    single = show_texts([first], markdown=True)[0]
    assert single.source is None or html.unescape(re.sub("<[^>]*>", "", single.source)) == with_plain_ends(first)


@pytest.mark.parametrize(
    "text",
    [
        "x**2 + y**2",
        "5*4*3 = 60",
        "(a)*b + c*(d)",
        "2*(a+b)*3",
        "__init__ and snake_case_name",
        r"\(x\) and \[y\] and \frac{a}{b}",
        '"*.py" and "*.txt"',
        "f(*args, **kwargs)",
        "/* a comment */ int *p, *q;",
        "f[i](x) and g[0](y)",
        ">>> f(2)",
        "&lt;b&gt; &amp; &#42;",
        "Total\n=====",
        "a\\\nb",
    ],
)
def test_what_is_no_markdown_stays_to_be_seen(text: str) -> None:
    shown = html.unescape(re.sub("<[^>]*>", "", str(render_untrusted(text)).replace("<br>", "\n")))
    assert shown.strip() == text


@pytest.mark.parametrize(
    "indented", ["if x:\n    y", "  if x:\n      y", "if x:\n  y\n\n  z", "if x:\n\ty", "    x\n        y"]
)
def test_indentation_is_kept(indented: str) -> None:
    page = str(render_untrusted(indented)).replace("</p>\n<p", "\n\n<p").replace("<br>", "\n")
    shown = html.unescape(re.sub("<[^>]*>", "", page)).replace("\u00a0", " ")
    assert shown.strip("\n") == indented.replace("\t", "    ")


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("**Bold**, *it* and **重要**的", "<strong>Bold</strong>, <em>it</em> and <strong>重要</strong>的"),
        ("(**x**) “*y*” **Note:** z", "(<strong>x</strong>) “<em>y</em>” <strong>Note:</strong> z"),
        ("a ~~b~~ `c*d*e`", "a <s>b</s> <code>c*d*e</code>"),
    ],
)
def test_what_is_markdown_is_rendered(text: str, page: str) -> None:
    assert page in str(render_untrusted(text))


def test_three_texts_are_shown_in_one_way() -> None:
    shown = show_texts(["**a**", "a", "b"], markdown=True)
    assert [text.alike for text in shown] == [True] * 3
    assert [text.source for text in shown] == [None] * 3
    plain = show_texts(["**a**", "b"], markdown=False)
    assert ["**a**" in text.shown for text in plain] == [True, False]
    assert not any(text.alike for text in plain)
    rendered = show_texts(["**a**", "b"], markdown=True)
    assert [text.source for text in rendered] == ['<div dir="auto">**a**</div>', '<div dir="auto">b</div>']


def test_right_to_left_is_told_by_the_paragraph() -> None:
    page = str(render_untrusted("مرحبا (hello) 1.\n\nAnd (مرحبا).\n\n- نقطة\n\n# عنوان\n\n|a|ب|\n|-|-|\n|c|د|"))
    assert page.count('<p dir="auto">') == 2
    assert '<li dir="auto">' in page
    assert '<p class="heading" dir="auto">' in page
    assert page.count('<td dir="auto">') == 2
