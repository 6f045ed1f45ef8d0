"""What people said, kept: the ledger, the formats of others, pairs, splits, agreement and reliability."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.feedback.adding import Added, Adding
    from accord.feedback.agreement import krippendorff_alpha, pair_agreement
    from accord.feedback.copying import Copied, backup
    from accord.feedback.dataset import Dataset, Overlaps, draw_dataset, overlaps, read_data, write_data
    from accord.feedback.flat import export_parquet
    from accord.feedback.formats import FORMATS, Format, import_feedback
    from accord.feedback.formats.accord_jsonl import export
    from accord.feedback.knowing import in_order_of_text, is_known, order_known, standing, unknown_evaluator
    from accord.feedback.ledger import Ledger
    from accord.feedback.pairs import Drawn, draw_pairs, pairs_from_comparison, pairs_from_ranking, pairs_from_ratings
    from accord.feedback.prompts import prompt_for, review_prompts
    from accord.feedback.reliability import (
        ComparisonFacts,
        ControlFacts,
        EvaluatorSummary,
        RatingFacts,
        summarise_evaluators,
    )
    from accord.feedback.splits import FRACTIONS, SPLITS, split
    from accord.feedback.store import migrate

_HOME = {
    "Added": "adding",
    "Adding": "adding",
    "ComparisonFacts": "reliability",
    "ControlFacts": "reliability",
    "Copied": "copying",
    "Dataset": "dataset",
    "Drawn": "pairs",
    "EvaluatorSummary": "reliability",
    "FORMATS": "formats",
    "FRACTIONS": "splits",
    "Format": "formats",
    "Ledger": "ledger",
    "Overlaps": "dataset",
    "RatingFacts": "reliability",
    "SPLITS": "splits",
    "backup": "copying",
    "draw_dataset": "dataset",
    "draw_pairs": "pairs",
    "export": "formats.accord_jsonl",
    "export_parquet": "flat",
    "import_feedback": "formats",
    "in_order_of_text": "knowing",
    "is_known": "knowing",
    "krippendorff_alpha": "agreement",
    "migrate": "store",
    "order_known": "knowing",
    "overlaps": "dataset",
    "pair_agreement": "agreement",
    "pairs_from_comparison": "pairs",
    "pairs_from_ranking": "pairs",
    "pairs_from_ratings": "pairs",
    "prompt_for": "prompts",
    "read_data": "dataset",
    "review_prompts": "prompts",
    "split": "splits",
    "standing": "knowing",
    "summarise_evaluators": "reliability",
    "unknown_evaluator": "knowing",
    "write_data": "dataset",
}

__all__ = [
    "FORMATS",
    "FRACTIONS",
    "SPLITS",
    "Added",
    "Adding",
    "ComparisonFacts",
    "ControlFacts",
    "Copied",
    "Dataset",
    "Drawn",
    "EvaluatorSummary",
    "Format",
    "Ledger",
    "Overlaps",
    "RatingFacts",
    "backup",
    "draw_dataset",
    "draw_pairs",
    "export",
    "export_parquet",
    "import_feedback",
    "in_order_of_text",
    "is_known",
    "krippendorff_alpha",
    "migrate",
    "order_known",
    "overlaps",
    "pair_agreement",
    "pairs_from_comparison",
    "pairs_from_ranking",
    "pairs_from_ratings",
    "prompt_for",
    "read_data",
    "review_prompts",
    "split",
    "standing",
    "summarise_evaluators",
    "unknown_evaluator",
    "write_data",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
