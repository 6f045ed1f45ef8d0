"""Programs as evaluators, `--by program:...`: a function in somebody's file, run in the sandbox, or a ready verdict.

The function is handed an item as JSON has it and returns its judgement likewise, or as a record:

    item    {"prompt": {"messages": [...]}, "completions": [{"text": ...}, ...], "question": {"kind", "text", ...},
             "reference": what the item says for programs, or None}
    answer  {"kind": "comparison", "preferred": "left"}, {"kind": "declined", "reason": ...}, accord.records.Rating(...)
"""

import ast
import hashlib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from accord.collect.sources.answering import Answer, Answerer
from accord.collect.sources.model import declined
from accord.collect.sources.ready_verdicts import VERDICTS, ReadyVerdict
from accord.collect.study.kinds import ARRANGEMENT, AnyQuestion
from accord.errors import ExtensionError, StudyError, nearest, storage
from accord.interfaces import Item
from accord.records import Declined, Evaluator, Judgement, explain
from accord.sandbox.sandbox import Answered, Limits, Sandbox, Stopped

__all__ = ["ProgramAnswerer", "open_program"]

JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)
DEFAULT_LIMITS = Limits()


def open_program(source: str, question: AnyQuestion) -> Answerer:
    """The program behind `program:`, by `FILE.py:NAME` or the name of a ready verdict, to answer a question.

    Raises `StudyError` where neither is meant or a verdict cannot answer such a question, `ExtensionError` where the
    file holds no such function, `StorageError` where it cannot be read.
    """
    if source in VERDICTS:
        return ReadyVerdict(VERDICTS[source](), question)
    path, colon, function = source.rpartition(":")
    if not colon or not path or not function:
        known = ", ".join(VERDICTS)
        raise StudyError(f"program:{source}: write program:FILE.py:NAME, or one of the ready verdicts ({known})")
    return ProgramAnswerer.load(Path(path), function, question)


@dataclass(frozen=True)
class ProgramAnswerer:
    """An `Answerer`: a function that judges items in a sandbox. Whatever it does there, an item has an answer."""

    sandbox: Sandbox
    question: AnyQuestion
    depends_on_order: bool = field(default=True, init=False)

    @classmethod
    def load(cls, path: Path, function: str, question: AnyQuestion, limits: Limits = DEFAULT_LIMITS) -> Self:
        """The function of a file, which is read here and run in the sandbox alone. Raises as `open_program`."""
        with storage(path):
            content = path.read_bytes()
        try:
            source = content.decode("utf-8")
            names = _top_level_names(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ExtensionError(f"{path}: no Python that can be read ({error!s:.200})") from error
        if function not in names:
            raise ExtensionError(f"{path}: defines no '{function}'{nearest(function, names)}")
        return cls(Sandbox(source, function, path.name, limits), question)

    @cached_property
    def evaluator(self) -> Evaluator:
        """A rule by the names of file and function; another text of the file is another evaluator."""
        source = hashlib.sha256(self.sandbox.source.encode()).hexdigest()
        limits = ", ".join(f"{name} {value:g}" for name, value in asdict(self.sandbox.limits).items())
        name = f"program:{self.sandbox.name}:{self.sandbox.function}"
        return Evaluator(kind="rule", pseudonym=name, attributes={"source": source, "limits": limits})

    def most_tokens(self, item: Item) -> int:
        """0: no model is asked."""
        del item
        return 0

    def answer(self, item: Item) -> Answer:
        """What the function returns; `Declined` with the reason where it was stopped, or returned no judgement.

        Raises `ModelError` where the sandbox does not start.
        """
        outcome = self.sandbox.call(
            {
                "prompt": item.prompt.model_dump(mode="json", exclude_none=True),
                "completions": [text.model_dump(mode="json", exclude_none=True) for text in item.completions],
                "question": self.question.model_dump(mode="json", exclude=set(ARRANGEMENT)),
                "reference": item.reference,
            }
        )
        match outcome:
            case Stopped(reason=reason):
                return Answer(declined(f"no answer of the program: {reason.removesuffix(': ')}"))
            case Answered(value=value):
                return Answer(_judgement(value))


def _judgement(value: object) -> Judgement:
    """What was returned as a judgement; `Declined`, with what is wrong, where it is none."""
    try:
        judgement = JUDGEMENT.validate_python(value, strict=False)
    except ValidationError as error:
        place, problem = explain(error)
        return declined(f"no judgement: {place} {problem}".replace("  ", " "))
    return declined(judgement.reason) if isinstance(judgement, Declined) and judgement.reason else judgement


def _top_level_names(source: str) -> list[str]:
    """What a program defines, assigns or imports at its top."""
    names: list[str] = []
    for node in ast.parse(source).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names += [alias.asname or alias.name for alias in aliases]
            case _:
                pass
    return names
