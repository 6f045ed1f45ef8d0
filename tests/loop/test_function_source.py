"""A function written down with what it uses does what the function does; what cannot be written down is named."""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RecipeError
from accord.loop.from_python.function_source import function_source

WEIGHTS = {"river": 1.5, "sea": -2.0}
WORD = re.compile("[a-z]+", re.IGNORECASE)
CONNECTION = object()


def words(text: str) -> list[str]:
    return WORD.findall(text)


def by_weight(texts: list[str]) -> list[float]:
    return [sum(WEIGHTS.get(word, 0.0) for word in words(text)) + math.log1p(len(text)) for text in texts]


def factorial(n: int) -> int:
    return 1 if n < 2 else n * factorial(n - 1)


def is_even(n: int) -> bool:
    return n == 0 or is_odd(n - 1)


def is_odd(n: int) -> bool:
    return n != 0 and is_even(n - 1)


def parsed(texts: list[str]) -> list[int]:
    def one(text: str) -> int:
        try:
            return len(json.loads(text))
        except (json.JSONDecodeError, TypeError):
            return -1

    return [one(text) for text in texts]


def with_a_connection(texts: list[str]) -> list[float]:
    return [float(CONNECTION is not None) for _ in texts]


def with_a_name_that_is_not_there(texts: list[str]) -> list[float]:
    return [nowhere(text) for text in texts]  # type: ignore[name-defined]  # noqa: F821


def executed(function: Callable[..., object]) -> Callable[..., object]:
    """The function as its written source defines it, where nothing else is."""
    module = ModuleType("alone")
    exec(compile(function_source(function), "alone.py", "exec"), vars(module))
    return vars(module)[function.__name__]  # type: ignore[no-any-return]


def test_what_is_written_down_does_the_same() -> None:
    weighing, parsing = executed(by_weight), executed(parsed)

    @given(st.lists(st.text(max_size=20) | st.sampled_from(["river sea", "SEA river river"])))
    def check(texts: list[str]) -> None:
        assert weighing(texts) == by_weight(texts)
        assert parsing(texts) == parsed(texts)

    check()


def test_functions_that_call_themselves_and_each_other() -> None:
    assert executed(factorial)(6) == 720
    assert [executed(is_even)(n) for n in range(4)] == [True, False, True, False]


def test_values_of_a_function_around_it_are_written_down() -> None:
    def weighted(factor: float) -> Callable[[list[str]], list[float]]:
        def score(texts: list[str]) -> list[float]:
            return [factor * len(text) for text in texts]

        return score

    assert executed(weighted(3.0))(["ab"]) == [6.0]
    assert "factor = 3.0" in function_source(weighted(3.0))


def test_imports_are_written_as_they_are_called_there() -> None:
    source = function_source(by_weight)
    assert "def words(text" in source  # of a file beside the script, which nobody else can import
    assert "import math\n" in source
    assert "WEIGHTS = {'river': 1.5, 'sea': -2.0}" in source


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (with_a_connection, "uses 'CONNECTION', a value of type object"),
        (with_a_name_that_is_not_there, "uses 'nowhere', a name that is not there"),
        (lambda texts: [len(text) for text in texts], "no function that was written with def"),
        (partial(by_weight), "no function that was written with def"),
        (len, "no function that was written with def"),
    ],
    ids=["connection", "missing", "lambda", "partial", "builtin"],
)
def test_what_cannot_be_written_down_is_named_with_the_remedy(function: Callable[..., object], said: str) -> None:
    with pytest.raises(RecipeError, match=said) as caught:
        function_source(function)
    assert 'pass "my_file.py:' in str(caught.value)


def test_a_function_without_source_is_refused() -> None:
    space: dict[str, Callable[..., object]] = {}
    exec("def made(texts): return [0.0] * len(texts)", space)
    with pytest.raises(RecipeError, match="whose source cannot be read"):
        function_source(space["made"])
