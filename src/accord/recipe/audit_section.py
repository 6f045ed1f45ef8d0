"""The section `[audit]` of a recipe alone, read where the settings of training are not installed."""

from pathlib import Path

from accord.audit import AuditSettings
from accord.errors import RecipeError
from accord.recipe.problems import validated
from accord.recipe.toml_text import read_text, read_toml

__all__ = ["load_audit_section"]


def load_audit_section(path: Path | str) -> AuditSettings:
    """The thresholds of the audit in a recipe's file, paths made absolute; defaults where it has no `[audit]`.

    No other section is looked at, and no extension is loaded: whoever wants checks of their own loads those before.
    Raises `RecipeError` naming the key, `StorageError` where the file cannot be read.
    """
    content = read_toml(read_text(path), str(path))
    try:
        settings = validated(AuditSettings, content.get("audit", {}), "recipe.audit")
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error
    return settings.anchored(Path(path).resolve().parent)
