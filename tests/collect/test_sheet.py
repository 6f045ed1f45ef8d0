"""The sheet of all pages: what has a beginning and an end follows the direction in which a page is read."""

import re

from accord.collect.web.static_files import read_static

PHYSICAL = re.compile(
    r"(?:margin|padding|border)-(?:left|right)\b|text-align: (?:left|right)|(?<![-\w])(?:left|right):"
)


def test_no_side_is_called_left_or_right() -> None:
    sheet = read_static("accord.css")["accord.css"].decode()
    assert PHYSICAL.findall(sheet) == []
    assert PHYSICAL.findall("p { margin-left: 1rem } q { right: 0; text-align: left }") != []


def test_braces_are_balanced() -> None:
    sheet = read_static("accord.css")["accord.css"].decode()
    assert sheet.count("{") == sheet.count("}")
