"""A study of people as one value, read from one TOML file: what is asked, of whom, how often, on which terms.

Paths are meant from the folder of the file. An unknown key is an error that names its nearest neighbour. What people
read before they answer (`instructions`, `question`, scale, labels) has one digest, which goes with every answer.
"""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accord.errors import StudyError, nearest, storage
from accord.records import Sampling, Scale, explain

__all__ = ["Kind", "Pay", "Stop", "Study"]

Kind = Literal["comparison", "ranking", "rating", "label", "spans", "steps", "correction", "critique", "demonstration"]
"""The kinds of judgement that a study can ask for; anybody may decline any of them."""

Share = Annotated[float, Field(ge=0, lt=1)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(min_length=1)]

COUNTED: frozenset[Kind] = frozenset({"comparison", "ranking", "rating", "label", "steps"})
"""The kinds of which two answers can be equal, so that a majority can be counted."""

BELONGS: dict[str, tuple[Kind, ...]] = {
    "scale": ("rating",),
    "labels": ("label",),
    "span_types": ("spans",),
    "strength": ("comparison",),
}
"""The keys that only some kinds know; those that are lists or tables must be there for theirs."""


class Section(BaseModel):
    """A part of the study: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stop(Section):
    """When an item has enough answers before it reaches its overlap: see `choose.majority_right`."""

    probability: float = Field(default=0.95, gt=0.5, lt=1, description="that the majority is right, to stop")
    least: int = Field(default=2, ge=1, description="answers that every item gets in any case")


class Pay(Section):
    """What people are paid; both may be given and are added."""

    per_item: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    per_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    currency: Word = "EUR"


class Study(Section):
    """All settings of a study. Read one with `Study.load`, or from text with `Study.parse`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    title: Word
    kind: Kind
    question: Text
    instructions: str = ""
    instructions_file: str | None = None
    consent: str = ""
    consent_file: str | None = None
    warning: str = Field(default="", description="told before an item; whoever prefers may skip it")
    thanks: str = "Thank you."

    items_file: str | None = None
    gold_file: str | None = None
    practice_file: str | None = None
    candidates: int | None = Field(default=None, ge=1, le=16, description="completions to write for a bare prompt")
    sampling: Sampling = Sampling()

    scale: Scale | None = None
    labels: tuple[Word, ...] = ()
    span_types: tuple[Word, ...] = ()
    strength: bool = False
    ties: bool = True
    longest: int = Field(default=20_000, ge=1, le=1_000_000, description="characters of a written answer at most")

    overlap: int = Field(default=1, ge=1)
    answers: int | None = Field(default=None, ge=1, description="at most so many answers in all; unset: no limit")
    choose: Literal["coverage", "disagreement"] = "coverage"
    stop: Stop | None = None
    reserve_minutes: float = Field(default=30.0, gt=0)
    session_items: int = Field(default=50, ge=1)
    break_minutes: float = Field(default=10.0, ge=0)
    daily_items: int | None = Field(default=None, ge=1)
    gold_share: Share = 0.0
    repeat_share: Share = 0.0
    repeat_gap: int = Field(default=5, ge=1, description="items between an item and its repetition at least")

    attributes: dict[Word, tuple[Word, ...]] = Field(default={}, description="what people may say of themselves")
    quotas: dict[str, dict[str, Share]] = Field(default={}, description="the target population, by attribute")
    quota_wait_hours: float = Field(default=24.0, ge=0, description="how long places wait for a group nobody is of")
    pay: Pay = Pay()
    recruited: str | None = None
    trained: str | None = None
    round: int | None = Field(default=None, ge=0)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The study in a file, with its paths made absolute and the texts of its files read.

        Raises `StudyError` that names the key, `StorageError` where a file cannot be read.
        """
        path = Path(path)
        study = cls.parse(_read(path), place=path.name)
        return study._anchored(path.resolve().parent)

    @classmethod
    def parse(cls, text: str, *, place: str = "study") -> Self:
        """The study in a text. Raises `StudyError` that names the key and the remedy."""
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise StudyError(f"{place}: not TOML ({error})") from error
        try:
            study = cls.model_validate(content)
        except ValidationError as error:
            raise StudyError(f"{place}: {_said(error)}") from error
        for key, problem in study._problems():
            raise StudyError(f"{place}: study.{key}: {problem}")
        return study

    @property
    def guideline_digest(self) -> str:
        """The SHA-256 of all that people are told to go by."""
        told = self.model_dump(mode="json", include={"kind", "question", "instructions", "labels", "span_types"})
        told["scale"] = None if self.scale is None else self.scale.model_dump(mode="json")
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def consent_digest(self) -> str:
        """The SHA-256 of the consent text."""
        return hashlib.sha256(self.consent.encode()).hexdigest()

    def _anchored(self, folder: Path) -> Self:
        """With the texts of files read, and the paths of items made absolute."""
        changes: dict[str, Any] = {}
        for key in ("instructions", "consent"):
            if name := getattr(self, f"{key}_file"):
                changes[key] = _read(folder / name)
                changes[f"{key}_file"] = str(folder / name)
        for key in ("items_file", "gold_file", "practice_file"):
            if name := getattr(self, key):
                changes[key] = str(folder / name)
        return self.model_copy(update=changes)

    def _problems(self) -> list[tuple[str, str]]:
        """What no single key can know: the key and the remedy."""
        return [*self._kind_problems(), *self._quota_problems(), *self._plan_problems()]

    def _kind_problems(self) -> list[tuple[str, str]]:
        found = []
        for key, kinds in BELONGS.items():
            given, wanted = bool(getattr(self, key)), self.kind in kinds
            if given and not wanted:
                found.append((key, f'belongs to kind = "{kinds[0]}", not to "{self.kind}"; leave it out'))
            if wanted and not given and key != "strength":
                found.append((key, f'missing; a study of kind = "{self.kind}" needs it'))
        for key in ("labels", "span_types"):
            names = getattr(self, key)
            if bad := [each for each in names if "," in each or each != each.strip()]:
                found.append((key, f"{bad[0]!r} holds a comma or begins or ends with a space; write it without"))
            if len(set(names)) < len(names):
                found.append((key, "a name stands twice; name each once"))
        return found

    def _quota_problems(self) -> list[tuple[str, str]]:
        found = []
        for name, options in self.attributes.items():
            if not options or len(set(options)) < len(options):
                found.append((f"attributes.{name}", "name each option once, and one at least"))
        for name, shares in self.quotas.items():
            if name not in self.attributes:
                found.append((f"quotas.{name}", f"no such attribute{nearest(name, list(self.attributes))}"))
                continue
            strange = [each for each in shares if each not in self.attributes[name]]
            if strange:
                known = nearest(strange[0], list(self.attributes[name]))
                found.append((f"quotas.{name}.{strange[0]}", f"no such option{known}"))
            if abs((total := sum(shares.values())) - 1) > 1e-6:
                found.append((f"quotas.{name}", f"the shares sum to {total:g}; make them sum to 1"))
        return found

    def _plan_problems(self) -> list[tuple[str, str]]:
        found = []
        for key in ("instructions", "consent"):
            if getattr(self, key) and getattr(self, f"{key}_file"):
                found.append((key, f"given twice; leave out {key} or {key}_file"))
        if self.gold_share and not self.gold_file:
            found.append(("gold_share", "needs questions whose answer is known; name them in gold_file"))
        if self.gold_file and self.kind not in COUNTED:
            found.append(("gold_file", f'no two answers of kind = "{self.kind}" are equal; leave it out'))
        if self.gold_share + self.repeat_share > 0.5:
            found.append(("gold_share", "gold_share and repeat_share are more than half of all; make them smaller"))
        if self.stop and self.kind not in COUNTED:
            found.append(("stop", f'no majority can be counted of kind = "{self.kind}"; leave it out'))
        if self.stop and self.stop.least > self.overlap:
            found.append(("stop.least", f"is above overlap = {self.overlap}; raise overlap or lower it"))
        if self.choose == "disagreement" and self.kind != "comparison":
            found.append(("choose", 'disagreement is measured of comparisons only; use "coverage"'))
        least = {"comparison": 2, "ranking": 2}.get(self.kind, 1)
        if self.candidates is not None and (
            self.candidates < least or (self.kind != "ranking" and self.candidates > least)
        ):
            found.append(("candidates", f"a {self.kind} is about {least} completions{_more(self.kind)}"))
        if self.kind == "demonstration" and self.candidates:
            found.append(("candidates", "a demonstration is about no completion; leave it out"))
        return found


def _more(kind: Kind) -> str:
    return " or more" if kind == "ranking" else ""


def _read(path: Path) -> str:
    with storage(path):
        raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise StudyError(f"{path.name}:{line}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error


def _said(error: ValidationError) -> str:
    """The first problem, with the nearest known name for an unknown key."""
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    where = ".".join(["study", *path])
    match first["type"]:
        case "extra_forbidden":
            return f"{where}: no such key{nearest(path[-1], _keys(path[:-1]))}"
        case "missing":
            return f"{where}: missing; add it"
        case "literal_error" if path == ["kind"]:
            given = str(first["input"])
            return f"{where}: {given!r:.80} is no kind of judgement{nearest(given, list(get_args(Kind)))}"
        case _:
            return f"{where}: {explain(error)[1]}"


def _keys(path: list[str]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {"stop": Stop, "pay": Pay, "sampling": Sampling, "scale": Scale}
    return list((sections[path[0]] if path else Study).model_fields)
