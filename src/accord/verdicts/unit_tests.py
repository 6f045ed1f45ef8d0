"""Unit tests: the code of a completion runs against tests of its item, in the sandbox.

A reference is `{"tests": ["assert add(1, 2) == 3", ...]}`, each a piece of Python that raises where it fails; one text
is one test. The code is that of the fenced Python blocks, else of the blocks without a language, else the whole text.
Every test is a process of its own, in which the code runs first: what exits early, hangs or breaks the interpreter
fails that test and no other.

Left out: a defence against code that is written to forge this very verdict. It shares a process with its test, and
whoever optimises against the verdict may find that out; read what passes.
"""

from dataclasses import dataclass, field
from typing import Any

from accord.sandbox.sandbox import Answered, Sandbox, Stopped
from accord.verdicts.fences import fenced_blocks
from accord.verdicts.marks import Mark, UnusableReferenceError, setting

__all__ = ["UnitTests", "code_of"]

EXAMPLE = '{"tests": ["assert add(1, 2) == 3"]}'
PYTHON = frozenset({"python", "python3", "py"})
PROGRAM = """
def run(request):
    namespace = {"__name__": "completion"}
    exec(compile(request["code"], "completion.py", "exec"), namespace)
    exec(compile(request["test"], "test.py", "exec"), namespace)
    return "passed"
"""


@dataclass(frozen=True)
class UnitTests:
    """A `Marker` by unit tests: the share of them that pass."""

    sandbox: Sandbox = field(default_factory=lambda: Sandbox(PROGRAM, "run", "unit_tests"))
    name = "unit_tests"
    labels = ("passes", "fails")

    def mark(self, text: str, reference: Any) -> Mark:
        """The share, and the first test that fails with what it raised. Raises `UnusableReferenceError`."""
        tests, code = _tests(reference), code_of(text)
        if not code.strip():
            return Mark(0.0, "it holds no code")
        if problem := self._problem(code, ""):
            return Mark(0.0, f"its code does not run: {problem}")
        problems = [self._problem(code, test) for test in tests]
        failures = [(test, problem) for test, problem in zip(tests, problems, strict=True) if problem]
        passes = len(tests) - len(failures)
        first = f"; the first that fails: {failures[0][0].strip():.200} ({failures[0][1]})" if failures else ""
        return Mark(passes / len(tests), f"{passes} of {len(tests)} tests pass{first}")

    def _problem(self, code: str, test: str) -> str:
        """Why a test fails; "" where it passes."""
        match self.sandbox.call({"code": code, "test": test}):
            case Answered(value="passed"):
                return ""
            case Answered(value=value):
                return f"it answered {value!r:.60} for the test"
            case Stopped(reason=reason):
                return reason.removesuffix(": ")


def code_of(text: str) -> str:
    """The Python code of a completion."""
    blocks = fenced_blocks(text)
    if not blocks:
        return text
    python_blocks = [block.text for block in blocks if block.language in PYTHON]
    return "\n".join(python_blocks or [block.text for block in blocks if not block.language])


def _tests(reference: Any) -> list[str]:
    tests = setting(reference, "tests", EXAMPLE)
    pieces = [tests] if isinstance(tests, str) else tests
    if not isinstance(pieces, list) or not pieces or not all(isinstance(test, str) and test.strip() for test in pieces):
        raise UnusableReferenceError(f"the tests of the item's reference are no pieces of Python; write {EXAMPLE}")
    for test in pieces:
        try:
            compile(test, "test.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise UnusableReferenceError(
                f"the test {test.strip()[:200]!r} of the item's reference is no Python ({error}); write {EXAMPLE}"
            ) from error
    return pieces
