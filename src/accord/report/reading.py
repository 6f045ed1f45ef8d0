"""What the report reads from a run. What is not there is None, never a guess; what was altered is refused."""

import tomllib
from functools import cached_property
from typing import Any

from accord.artefacts.finding import Finding
from accord.errors import ArtefactError
from accord.run import RunDirectory
from accord.stats import Estimate

__all__ = ["Reading"]


class Reading:
    """The files of a run, each read once and checked against its digest (`ArtefactError`)."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._json: dict[str, Any] = {}
        self._jsonl: dict[str, list[dict[str, Any]]] = {}

    def json(self, name: str) -> Any | None:
        """A JSON artefact; None where the run has none."""
        if not self.run.has(name):
            return None
        if name not in self._json:
            self._json[name] = self.run.read_json(name)
        return self._json[name]

    def jsonl(self, name: str) -> list[dict[str, Any]] | None:
        """The rows of a JSON-lines artefact; None where the run has none."""
        if not self.run.has(name):
            return None
        if name not in self._jsonl:
            self._jsonl[name] = self.run.read_jsonl(name)
        return self._jsonl[name]

    def estimate(self, name: str, *keys: str) -> Estimate | None:
        """The number under `keys` in a JSON artefact; None where it was not measured.

        Raises `ArtefactError` where something else than an estimate stands there.
        """
        content = self.json(name)
        for key in keys:
            content = content.get(key) if isinstance(content, dict) else None
        return None if content is None else self.as_estimate(content, f"{name} {'.'.join(keys)}")

    def as_estimate(self, content: Any, place: str) -> Estimate:
        """The estimate that `content` holds. Raises `ArtefactError` naming the place."""
        try:
            return Estimate.from_json(content)
        except TypeError as error:
            raise ArtefactError(
                f"{self.run.path / place}: not a number with interval and n ({error}); run its stage again"
            ) from error

    @cached_property
    def recipe(self) -> dict[str, Any] | None:
        """The settings as nested dictionaries; None where the run has no recipe."""
        if not self.run.has("recipe.toml"):
            return None
        return tomllib.loads(self.run.read_bytes("recipe.toml").decode())

    @cached_property
    def findings(self) -> list[Finding] | None:
        """What the audit found; None where the run was not audited."""
        content = self.json("audit.json")
        if content is None:
            return None
        try:
            return [Finding.from_json(each) for each in content["findings"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{self.run.path / 'audit.json'}: not findings of an audit ({error}); audit the run again"
            ) from error

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Seconds by finished stage, in order; without the report itself, which is not finished while it is written."""
        stages = self.run.manifest.stages
        return {name: each.seconds for name, each in stages.items() if name != "report"}
