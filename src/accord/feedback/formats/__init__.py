"""The formats that feedback is read from and written to: a file a format, registered here."""

from accord.feedback.formats import (
    accord_jsonl,
    anthropic_hh,
    argilla,
    bigbench_mistake,
    chatbot_arena,
    finegrained_rlhf,
    gsm8k,
    helpsteer2,
    helpsteer2_preference,
    helpsteer3,
    label_studio,
    llama_factory,
    oasst,
    open_webui,
    openai_preference,
    openrlhf_prompts,
    pandalm,
    parquet,
    pku_saferlhf,
    prm800k,
    ratings_archive,
    rbr_gold,
    reward_bench,
    sharegpt,
    shp,
    table,
    trl_preference,
    trl_prompt,
    trl_prompt_completion,
    trl_stepwise,
    trl_unpaired,
    ultrafeedback,
    ultrafeedback_binarized,
    verl_prompts,
    verl_rollouts,
    webgpt,
)
from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.exporting import ExportCounts, export_feedback, export_run
from accord.feedback.formats.importing import import_feedback, import_file, import_into, packaged_feedback
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import FORMATS, Format, register_format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.settings import ImportSettings
from accord.feedback.formats.source import FeedbackFile, open_feedback

__all__ = [
    "FORMATS",
    "Answer",
    "ExportCounts",
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
]

for _module in (accord_jsonl, anthropic_hh, ratings_archive, trl_preference, table, parquet):
    register_format(_module.FORMAT)

for _tree_or_task in (
    argilla,
    label_studio,
    oasst,
    prm800k,
    trl_stepwise,
    trl_prompt,
    verl_prompts,
    verl_rollouts,
    openrlhf_prompts,
):
    register_format(_tree_or_task.FORMAT)

for _data_set in (finegrained_rlhf, pandalm, rbr_gold, bigbench_mistake, gsm8k):
    register_format(_data_set.FORMAT)

for _of_others in (
    trl_unpaired,
    trl_prompt_completion,
    ultrafeedback_binarized,
    ultrafeedback,
    helpsteer2,
    helpsteer2_preference,
    helpsteer3,
    openai_preference,
    reward_bench,
    chatbot_arena,
    shp,
    webgpt,
    pku_saferlhf,
    llama_factory,
    open_webui,
    sharegpt,
):
    register_format(_of_others.FORMAT)
