"""Whether a folder holds a whole model that can be opened as it stands."""

from pathlib import Path

from accord.foreign.running_lines import json_object

__all__ = ["holds_classifier", "holds_model"]


def holds_model(folder: Path) -> bool:
    """Whether configuration, weights and tokenizer are there; adapters alone, which need another model, are none."""
    weights = any(folder.glob("*.safetensors")) and not (folder / "adapter_config.json").is_file()
    return weights and (folder / "config.json").is_file() and (folder / "tokenizer_config.json").is_file()


def holds_classifier(folder: Path) -> bool:
    """Whether the model is one that gives a text a score. Raises `RecordError` where its configuration is malformed."""
    if not holds_model(folder):
        return False
    named = json_object(folder / "config.json").get("architectures")
    return isinstance(named, list) and any(str(name).endswith("ForSequenceClassification") for name in named)
