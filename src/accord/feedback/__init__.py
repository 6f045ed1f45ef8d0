"""What people said, kept: the ledger, the formats of others, data sets, agreement and reliability."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.feedback.dataset.dataset import Dataset
    from accord.feedback.dataset.draw import draw_dataset
    from accord.feedback.dataset.examples import LEARNS_FROM, Supervised, supervised_examples
    from accord.feedback.dataset.files import read_data, write_data
    from accord.feedback.dataset.overlaps import Overlaps, overlaps
    from accord.feedback.dataset.pairs import (
        PAIR_KINDS,
        PairSample,
        draw_pairs,
        pairs_from_comparison,
        pairs_from_ranking,
        pairs_from_ratings,
    )
    from accord.feedback.dataset.same_texts import same_texts
    from accord.feedback.dataset.selection import Selection
    from accord.feedback.dataset.splits import FRACTIONS, SPLITS, split
    from accord.feedback.dataset.units import sampled_units, text_groups
    from accord.feedback.dataset.views import Judged
    from accord.feedback.equality import judgement_meaning, same_answer, same_judgement
    from accord.feedback.formats import (
        FORMATS,
        Answer,
        ExportCounts,
        FeedbackFile,
        Format,
        ImportSettings,
        JudgedItem,
        Outgoing,
        Reading,
        SourceRow,
        export_feedback,
        export_run,
        import_feedback,
        import_file,
        import_into,
        open_feedback,
        packaged_feedback,
        register_format,
    )
    from accord.feedback.formats.review_prompts import prompt_for, review_prompts
    from accord.feedback.provenance import (
        current_feedback,
        group_of,
        is_identified,
        is_known,
        is_order_known,
        neutral_order,
        unknown_evaluator,
    )
    from accord.feedback.statistics.agreement import consensus_accuracy, krippendorff_alpha, pair_agreement
    from accord.feedback.statistics.assistance import AssistanceEffect, assistance_effects
    from accord.feedback.statistics.reliability import (
        ComparisonFacts,
        ControlFacts,
        EvaluatorSummary,
        RatingFacts,
        summarise_evaluators,
    )
    from accord.feedback.store.backup import BackupSummary, backup
    from accord.feedback.store.database import migrate
    from accord.feedback.store.ledger import Ledger
    from accord.feedback.store.ledger_writer import ImportCounts, LedgerWriter
    from accord.feedback.trust.dataset_weights import TrustModel, weigh

_MODULES = {
    "dataset.dataset": ("Dataset",),
    "dataset.draw": ("draw_dataset",),
    "dataset.examples": ("LEARNS_FROM", "Supervised", "supervised_examples"),
    "dataset.files": ("read_data", "write_data"),
    "dataset.overlaps": ("Overlaps", "overlaps"),
    "dataset.same_texts": ("same_texts",),
    "dataset.selection": ("Selection",),
    "dataset.pairs": (
        "PAIR_KINDS",
        "PairSample",
        "draw_pairs",
        "pairs_from_comparison",
        "pairs_from_ranking",
        "pairs_from_ratings",
    ),
    "dataset.splits": ("FRACTIONS", "SPLITS", "split"),
    "dataset.units": ("sampled_units", "text_groups"),
    "dataset.views": ("Judged",),
    "equality": ("judgement_meaning", "same_answer", "same_judgement"),
    "formats": (
        "Answer",
        "ExportCounts",
        "FORMATS",
        "FeedbackFile",
        "Format",
        "ImportSettings",
        "JudgedItem",
        "Outgoing",
        "Reading",
        "SourceRow",
        "export_feedback",
        "export_run",
        "import_feedback",
        "import_file",
        "import_into",
        "open_feedback",
        "packaged_feedback",
        "register_format",
    ),
    "formats.review_prompts": ("prompt_for", "review_prompts"),
    "provenance": (
        "current_feedback",
        "group_of",
        "is_identified",
        "is_known",
        "is_order_known",
        "neutral_order",
        "unknown_evaluator",
    ),
    "statistics.agreement": ("consensus_accuracy", "krippendorff_alpha", "pair_agreement"),
    "statistics.assistance": ("AssistanceEffect", "assistance_effects"),
    "statistics.reliability": (
        "ComparisonFacts",
        "ControlFacts",
        "EvaluatorSummary",
        "RatingFacts",
        "summarise_evaluators",
    ),
    "trust.dataset_weights": ("TrustModel", "weigh"),
    "store.backup": ("BackupSummary", "backup"),
    "store.database": ("migrate",),
    "store.ledger": ("Ledger",),
    "store.ledger_writer": ("ImportCounts", "LedgerWriter"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "FORMATS",
    "FRACTIONS",
    "LEARNS_FROM",
    "PAIR_KINDS",
    "SPLITS",
    "Answer",
    "AssistanceEffect",
    "BackupSummary",
    "ComparisonFacts",
    "ControlFacts",
    "Dataset",
    "EvaluatorSummary",
    "ExportCounts",
    "FeedbackFile",
    "Format",
    "ImportCounts",
    "ImportSettings",
    "Judged",
    "JudgedItem",
    "Ledger",
    "LedgerWriter",
    "Outgoing",
    "Overlaps",
    "PairSample",
    "RatingFacts",
    "Reading",
    "Selection",
    "SourceRow",
    "Supervised",
    "TrustModel",
    "assistance_effects",
    "backup",
    "consensus_accuracy",
    "current_feedback",
    "draw_dataset",
    "draw_pairs",
    "export_feedback",
    "export_run",
    "group_of",
    "import_feedback",
    "import_file",
    "import_into",
    "is_identified",
    "is_known",
    "is_order_known",
    "judgement_meaning",
    "krippendorff_alpha",
    "migrate",
    "neutral_order",
    "open_feedback",
    "overlaps",
    "packaged_feedback",
    "pair_agreement",
    "pairs_from_comparison",
    "pairs_from_ranking",
    "pairs_from_ratings",
    "prompt_for",
    "read_data",
    "register_format",
    "review_prompts",
    "same_answer",
    "same_judgement",
    "same_texts",
    "sampled_units",
    "split",
    "summarise_evaluators",
    "supervised_examples",
    "text_groups",
    "unknown_evaluator",
    "weigh",
    "write_data",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
