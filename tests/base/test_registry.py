"""Registries keep order and refuse a name twice; extensions are loaded once and say where they fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accord.errors import AccordError, ExtensionError, RecipeError, StorageError
from accord.extensions import load_extensions, temporary
from accord.registry import Registry

SHAPES: Registry[float] = Registry("shape", error=RecipeError)


def register(name: str, area: float) -> None:
    """As a room's own `register` does it: the place named is that of its caller."""
    SHAPES.add(name, area)


@pytest.fixture(autouse=True)
def shapes() -> Iterator[None]:
    with temporary(SHAPES):
        yield


def extension(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_things_stand_in_the_order_of_registration() -> None:
    for name, area in (("square", 1.0), ("circle", 3.1), ("annulus", 2.0)):
        assert SHAPES.add(name, area) == area
    assert SHAPES.names == ("square", "circle", "annulus")
    assert list(SHAPES) == [1.0, 3.1, 2.0]
    assert len(SHAPES) == 3
    assert "circle" in SHAPES
    assert SHAPES.get("circle") == 3.1


def test_an_unknown_name_is_the_rooms_error_and_names_its_neighbour() -> None:
    register("circle", 3.1)
    with pytest.raises(RecipeError, match="unknown shape 'cirlce'; did you mean 'circle'"):
        SHAPES.get("cirlce")


def test_a_doubled_name_is_refused_with_the_place_of_the_first(tmp_path: Path) -> None:
    text = f"import sys\n\nsys.modules[{__name__!r}].register('circle', {{}})\n"
    first, second = (
        extension(tmp_path / "first.py", text.format(3.1)),
        extension(tmp_path / "second.py", text.format(3)),
    )
    load_extensions([first], tmp_path)
    with pytest.raises(ExtensionError) as caught:
        load_extensions([second], tmp_path)
    assert str(caught.value).startswith(f"{second}:3: shape 'circle' is already registered at {first}:3; ")
    assert SHAPES.get("circle") == 3.1


def test_additions_can_be_undone() -> None:
    register("square", 1.0)
    with SHAPES.temporary():
        register("circle", 3.1)
    assert SHAPES.names == ("square",)
    register("circle", 3.2)


def test_an_extension_is_loaded_once_per_content_and_from_the_base(tmp_path: Path) -> None:
    text = "LOADED = []\nLOADED.append(__name__)\n"
    one, copy = extension(tmp_path / "one.py", text), extension(tmp_path / "copy.py", text)
    (first,), (again, same) = load_extensions(["one.py"], tmp_path), load_extensions([one, copy], Path("/nowhere"))
    assert first == again
    assert same.module is first.module
    assert first.module.LOADED[0] == first.module.__name__
    assert len(first.module.LOADED) == 1
    assert first.sha256[:16] in first.module.__name__
    extension(one, text + "LOADED.append(2)\n")
    assert load_extensions([one], tmp_path)[0].module.LOADED[1] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.py", "one.py"]


def test_what_was_loaded_in_a_temporary_block_is_loaded_anew_after_it(tmp_path: Path) -> None:
    one = extension(tmp_path / "one.py", "LOADED = []\n")
    with temporary():
        first = load_extensions([one], tmp_path)
    assert load_extensions([one], tmp_path)[0].module is not first[0].module


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nx = = 2\n", 2, "invalid syntax"),
        ("def f():\n    return {}['key']\n\nf()\n", 2, "KeyError: 'key'"),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError"),
        ("import no_such_module\n", 1, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(0)\n", 1, "SystemExit: 0"),
        ("from accord.errors import RecipeError\nraise RecipeError('no such shape')\n", 2, "no such shape"),
    ],
)
def test_a_failing_extension_names_its_line_and_the_remedy(text: str, line: int, words: str, tmp_path: Path) -> None:
    path = extension(tmp_path / "mine.py", text)
    with pytest.raises(ExtensionError) as caught:
        load_extensions([path], tmp_path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert words in str(caught.value)
    assert str(caught.value).endswith("; mend the extension, or leave it out")
    assert caught.value.__cause__ is not None
    extension(path, "WHOLE = True\n")
    assert load_extensions([path], tmp_path)[0].module.WHOLE


def test_source_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(b"x = 1\n\x00\xff")
    with pytest.raises(ExtensionError, match=r"mine\.py"):
        load_extensions([path], tmp_path)


@pytest.mark.parametrize("name", ["missing.py", "."])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no such file|is a folder"):
        load_extensions([name], tmp_path)


def test_every_refusal_is_an_accord_error() -> None:
    assert issubclass(ExtensionError, AccordError)
