"""A kind of judgement is declared in one place for what it is and in one for how it looks."""

import re
from pathlib import Path

import pytest
from jinja2 import TemplateSyntaxError

from accord.collect import KINDS
from accord.collect.web.site import templates

COLLECT = Path(__file__).parents[2] / "src/accord/collect"
SOURCES = [
    path
    for floor in ("study", "assignment", "desk", "web")
    for path in sorted((COLLECT / floor).rglob("*.*"))
    if path.suffix in {".py", ".html"}
]
REMARKS = {"desk/assistance.py", "desk/tasks.py", "study/assist.py", "web/task_view.py"}
"""Where a machine's remark is told of, which is a critique or marks and no answer to a question."""


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_kind_is_named_where_it_is_defined_and_where_it_is_drawn(kind: str) -> None:
    record = KINDS[kind].record.__name__
    name = re.compile(rf"""["']{kind}["']|\b{record}Question\b|^(from .* import .*|    ){record}\b""", re.MULTILINE)
    places = {str(path.relative_to(COLLECT)) for path in SOURCES if name.search(path.read_text(encoding="utf-8"))}
    places -= REMARKS if kind in {"critique", "spans"} else set()
    assert places <= {f"study/kinds/{kind}.py", "study/kinds/__init__.py", f"web/templates/kinds/{kind}.html"}
    assert f"study/kinds/{kind}.py" in places


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_kind_is_drawn_by_one_template(kind: str) -> None:
    try:
        template = templates().get_template(f"kinds/{kind}.html")
    except TemplateSyntaxError as error:
        pytest.fail(str(error))
    assert {"body", "choices", "keys"} <= set(dir(template.module))


def test_there_is_no_template_without_a_kind() -> None:
    drawn = {path.stem for path in (COLLECT / "web/templates/kinds").iterdir()}
    assert drawn == set(KINDS) == {path.stem for path in (COLLECT / "study/kinds").glob("*.py")} & set(KINDS)
