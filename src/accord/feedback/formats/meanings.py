"""Names of columns that mean something to accord, from what public sets and annotation tools call them.

A column of such a name that a format does not read is never dropped unless it is ignored by name.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["MEANINGS", "Meaning", "meaning_of"]


@dataclass(frozen=True)
class Meaning:
    """What columns of these names (patterns, in small letters) hold, and the names that they can be mapped to."""

    what: str
    targets: tuple[str, ...]
    names: tuple[str, ...]


MEANINGS = (
    Meaning(
        "what was asked",
        ("prompt",),
        ("question", "questions", "instruction", "instructions", "query", "input", "inputs", "user_prompt",
         "prompt_text",
         "post", "request", "problem", "task_prompt", "prompt", "promt", "human", "user_input",
         "user_message"),
    ),
    Meaning(
        "a part of what was asked",
        ("system", "history", "context"),
        ("system", "system_prompt", "system_message", "history", "context", "contexts", "chat_history", "passage",
         "article", "document", "background", "persona", "conversation_history", "dialogue_history"),
    ),
    Meaning(
        "pictures, sound or files beside what was asked",
        ("images",),
        ("image", "images", "audio", "audios", "video", "videos"),
    ),
    Meaning(
        "who judged",
        ("evaluator",),
        ("annotator", "annotators", "annotator_id", "annotated_by", "worker*", "rater*",
         "labeler*", "labeller*", "labelled_by", "labeled_by", "evaluator", "evaluator_id", "judge", "judge_id",
         "judged_by", "reviewer", "reviewer*", "user_id", "userid", "participant", "participant_id", "prolific_pid",
         "crowdworker*", "completed_by", "responder", "expert_id", "annotation_by"),
    ),
    Meaning(
        "by how much the one is better",
        ("strength",),
        ("margin", "strength", "preference_strength", "confidence", "degree", "intensity", "score_diff",
         "score_difference"),
    ),
    Meaning(
        "numbers that somebody gave",
        ("score_chosen", "score_rejected", "rating"),
        ("score", "scores", "score_*", "*_score", "*_scores", "chosen_score*", "rejected_score*", "rating", "ratings",
         "rating_*", "*_rating", "*_ratings", "reward", "rewards", "stars", "likert*", "helpfulness", "harmlessness",
         "correctness", "quality", "overall", "upvotes", "votes", "n_votes", "num_votes"),
    ),
    Meaning(
        "which one was better",
        ("winner", "label"),
        ("winner", "winner*", "preference", "preferred", "better", "better*", "tie", "is_tie", "label", "labels",
         "choice", "verdict", "selected", "outcome", "vote", "thumb*", "feedback", "ranking", "rank", "ranks"),
    ),
    Meaning(
        "how long it took",
        ("seconds",),
        ("seconds", "duration", "duration_*", "lead_time", "time_spent", "time_taken", "elapsed", "elapsed_*",
         "worktimeinseconds", "response_time", "*_seconds", "*_duration"),
    ),
    Meaning(
        "when it was said",
        ("time",),
        ("time", "timestamp", "created_at", "created", "submitted_at", "completed_at", "annotated_at", "date",
         "datetime", "submittime", "accepttime", "tstamp", "updated_at", "inserted_at"),
    ),
    Meaning(
        "in which sitting",
        ("session",),
        ("session", "session_id", "hit_id", "hitid", "assignment_id", "assignmentid", "batch", "batch_id"),
    ),
    Meaning(
        "a remark or a corrected text",
        ("critique", "correction"),
        ("critique", "critiques", "comment", "comments", "rationale", "justification", "explanation", "correction",
         "corrected", "corrected_*", "edited", "edited_*", "edit", "revision", "revised*", "feedback_text", "reason"),
    ),
    Meaning(
        "the one of two answers",
        ("left",),
        ("response_a", "answer_a", "output_a", "completion_a", "conversation_a", "response_1", "response1", "answer_1",
         "answer1", "output_1", "output1", "first_answer", "first_response", "completion_1", "option_a", "option_1"),
    ),
    Meaning(
        "the other of two answers",
        ("right",),
        ("response_b", "answer_b", "output_b", "completion_b", "conversation_b", "response_2", "response2", "answer_2",
         "answer2", "output_2", "output2", "second_answer", "second_response", "completion_2", "option_b", "option_2"),
    ),
    Meaning(
        "an answer",
        ("chosen", "rejected", "completion"),
        ("choosen", "chosen", "chossen", "rejected", "reject", "rejcted", "accepted", "response", "responses",
         "response_*", "answer", "answers", "answer_*", "completion", "completions", "output", "outputs", "output_*",
         "generation", "generations"),
    ),
)  # fmt: skip


def meaning_of(column: str) -> Meaning | None:
    """What a column of this name holds; None where the name says nothing to accord."""
    name = column.strip().lower().replace("-", "_").replace(" ", "_").rpartition(".")[2]
    return next((meaning for meaning in MEANINGS if any(fnmatchcase(name, pattern) for pattern in meaning.names)), None)
