"""Whether a folder holds a whole model that can be opened as it stands."""

from pathlib import Path

__all__ = ["holds_model"]


def holds_model(folder: Path) -> bool:
    """Whether configuration, weights and tokenizer are there; adapters alone, which need another model, are none."""
    weights = any(folder.glob("*.safetensors")) and not (folder / "adapter_config.json").is_file()
    return weights and (folder / "config.json").is_file() and (folder / "tokenizer_config.json").is_file()
