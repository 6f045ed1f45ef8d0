"""The findings of an audit as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from accord.artefacts.finding import Finding
from accord.artefacts.kinds import Artefact
from accord.errors import ArtefactError
from accord.run import RunDirectory

__all__ = ["FINDINGS"]


@dataclass(frozen=True)
class _Findings(Artefact):
    """`audit.json`: an object whose `findings` is the list of findings, in the order of the checks."""

    def write(self, run: RunDirectory, findings: tuple[Finding, ...], *, stage: str = "") -> Path:
        """Write the findings, in place of those of an earlier audit."""
        content = {"findings": [finding.to_json() for finding in findings]}
        return run.write_json(self.path(stage), content, stage=stage or self.stage)

    def read(self, run: RunDirectory, stage: str = "") -> tuple[Finding, ...]:
        """The findings. Raises `ArtefactError` where the file is missing or altered, or holds something else."""
        name = self.path(stage)
        try:
            return tuple(Finding.from_json(content) for content in run.read_json(name)["findings"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"{run.path / name}: not findings of an audit ({error}); audit the run again"
            ) from error

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the file."""
        finding = TypeAdapter(Finding).json_schema(mode="serialization", by_alias=False)
        definitions = finding.pop("$defs", {})
        words = {"type": "string", "title": "Words", "description": "the verdict as it is printed"}
        finding["properties"]["words"] = words
        content = {"findings": {"type": "array", "items": finding}}
        return {"$defs": definitions, "type": "object", "properties": content, "required": ["findings"]}


FINDINGS = _Findings("audit.json", "the findings of the audit", "audit")
