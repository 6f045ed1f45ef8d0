"""Rows of public data sets and tools: made up, with all columns of the shapes in which these are published."""

from typing import Any

PUBLISHED: dict[str, list[dict[str, Any]]] = {
    "anthropic_hh": [
        {
            "chosen": "\n\nHuman: q\n\nAssistant: r\n\nHuman: s\n\nAssistant: a",
            "rejected": "\n\nHuman: q\n\nAssistant: r\n\nHuman: s\n\nAssistant: b",
        }
    ],
    "trl_preference": [
        {
            "prompt": [{"role": "user", "content": "q"}],
            "chosen": [{"role": "assistant", "content": "a"}],
            "rejected": [{"role": "assistant", "content": "b"}],
            "score_chosen": 8,
            "score_rejected": 3,
        }
    ],
    "trl_unpaired": [{"prompt": "q", "completion": "a", "label": True}],
    "trl_prompt_completion": [{"prompt": "q", "completion": "a"}],
    "ultrafeedback_binarized": [
        {
            "prompt": "q",
            "prompt_id": "x",
            "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
            "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}],
            "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
            "score_chosen": 8.0,
            "score_rejected": 3.5,
        }
    ],
    "ultrafeedback": [
        {
            "source": "evol_instruct",
            "instruction": "q",
            "models": ["m1", "m2"],
            "completions": [
                {
                    "annotations": {
                        "helpfulness": {
                            "Input": "x",
                            "Rating": "4",
                            "Rationale": "ok",
                            "Type": ["1"],
                            "Rationale For Rating": "z",
                        },
                        "honesty": {"Rating": "N/A", "Rationale": "r"},
                    },
                    "custom_system_prompt": "s",
                    "model": "m1",
                    "principle": "helpfulness",
                    "response": "a",
                    "critique": "nice",
                    "overall_score": 8.5,
                    "fine-grained_score": 4.0,
                }
            ],
            "correct_answers": ["x"],
            "incorrect_answers": ["y"],
        }
    ],
    "helpsteer2": [
        {
            "prompt": "q\n<extra_id_1>Assistant\nr\n<extra_id_1>User\ns",
            "response": "a",
            "helpfulness": 3,
            "correctness": 4,
            "coherence": 4,
            "complexity": 2,
            "verbosity": 1,
        }
    ],
    "helpsteer2_preference": [
        {
            "split": "train",
            "prompt": "q",
            "response_1": "a",
            "response_2": "b",
            "preference_strength": -2,
            "preference_statement": "x",
            "preference_elaboration": "y",
        },
        {
            "split": "train",
            "prompt": "q",
            "response_1": "a",
            "response_2": "b",
            "preference_strength": -2,
            "preference_statement": "x",
            "preference_elaboration": "y",
            "all_preferences_unprocessed": [
                {"strength": -1, "statement": "x", "elaboration": "y"},
                {"strength": 0, "statement": "x", "elaboration": "y"},
                {"strength": -1, "statement": "z", "elaboration": ""},
            ],
        },
    ],
    "helpsteer3": [
        {
            "domain": "code",
            "language": "python",
            "context": [{"role": "user", "content": "q"}],
            "response1": "a",
            "response2": "b",
            "overall_preference": -2,
            "individual_preference": [
                {"score": -2, "reasoning": "x", "feedback1": "f", "feedback2": "g"},
                {"score": -2, "reasoning": "z", "feedback1": "f", "feedback2": "g2"},
                {"score": 0, "reasoning": "z", "feedback1": None, "feedback2": None},
            ],
        }
    ],
    "openai_preference": [
        {
            "input": {"messages": [{"role": "user", "content": "q"}], "tools": [], "parallel_tool_calls": True},
            "preferred_output": [{"role": "assistant", "content": "a"}],
            "non_preferred_output": [{"role": "assistant", "content": "b"}],
        }
    ],
    "reward_bench": [
        {
            "prompt": "q",
            "chosen": "a",
            "chosen_model": "m",
            "rejected": "b",
            "rejected_model": "n",
            "subset": "alpacaeval-easy",
            "id": 0,
        }
    ],
    "chatbot_arena": [
        {
            "question_id": "h",
            "model_a": "m",
            "model_b": "n",
            "winner": "tie (bothbad)",
            "judge": "arena_user_1",
            "conversation_a": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
            "conversation_b": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}],
            "turn": 1,
            "anony": True,
            "language": "English",
            "tstamp": 1682351591.1322,
            "openai_moderation": {},
            "toxic_chat_tag": {},
        },
        {
            "question_id": 1,
            "model_a": "m",
            "model_b": "n",
            "winner": "model_b",
            "judge": ["gpt-4", "pair-v2"],
            "conversation_a": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "u2"},
                {"role": "assistant", "content": "a2"},
            ],
            "conversation_b": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "u2"},
                {"role": "assistant", "content": "b2"},
            ],
            "turn": 2,
        },
    ],
    "shp": [
        {
            "post_id": "x",
            "domain": "askculinary_train",
            "upvote_ratio": 0.9,
            "history": "q",
            "c_root_id_A": "1",
            "c_root_id_B": "2",
            "created_at_utc_A": 1,
            "created_at_utc_B": 2,
            "score_A": 3,
            "score_B": 9,
            "human_ref_A": "a",
            "human_ref_B": "b",
            "labels": 0,
            "seconds_difference": 1.0,
            "score_ratio": 3.0,
        }
    ],
    "webgpt": [
        {
            "question": {"dataset": "eli5", "id": "x", "full_text": "q"},
            "quotes_0": {"title": ["T"], "extract": ["E"]},
            "answer_0": "a",
            "tokens_0": {},
            "score_0": -0.5,
            "quotes_1": {},
            "answer_1": "b",
            "tokens_1": {},
            "score_1": 0.5,
        }
    ],
    "pku_saferlhf": [
        {
            "prompt": "q",
            "prompt_source": "Alpaca3-8B",
            "response_0": "a",
            "response_1": "b",
            "response_0_source": "A",
            "response_1_source": "B",
            "is_response_0_safe": False,
            "is_response_1_safe": True,
            "response_0_harm_category": {"Privacy": True, "Fraud": False},
            "response_1_harm_category": {"Privacy": False, "Fraud": False},
            "response_0_severity_level": 2,
            "response_1_severity_level": 0,
            "better_response_id": 0,
            "safer_response_id": 1,
            "response_0_sha256": "x",
            "response_1_sha256": "y",
        }
    ],
    "llama_factory": [
        {
            "instruction": "q <image>",
            "input": "i",
            "output": "a",
            "system": "s",
            "history": [["u", "v"]],
            "images": ["x.jpg"],
        },
        {"instruction": "q", "input": "", "chosen": "a", "rejected": "b"},
        {"instruction": "q", "output": "b", "kto_tag": False},
    ],
    "open_webui": [
        {
            "id": "f1",
            "user_id": "u1",
            "version": 0,
            "type": "rating",
            "data": {
                "rating": -1,
                "model_id": "m1",
                "sibling_model_ids": None,
                "reason": "not_helpful",
                "comment": "no",
                "tags": ["x"],
                "details": {"rating": 3},
            },
            "meta": {"arena": False, "chat_id": "c1", "message_id": "b", "message_index": 1, "tags": []},
            "snapshot": {
                "chat": {
                    "id": "c1",
                    "user_id": "u1",
                    "title": "T",
                    "chat": {
                        "params": {"system": "be nice"},
                        "history": {
                            "messages": {
                                "a": {
                                    "id": "a",
                                    "parentId": None,
                                    "childrenIds": ["b"],
                                    "role": "user",
                                    "content": "q",
                                    "timestamp": 1,
                                    "models": ["m1"],
                                    "files": [{"type": "image", "url": "x.png"}],
                                },
                                "b": {
                                    "id": "b",
                                    "parentId": "a",
                                    "childrenIds": [],
                                    "role": "assistant",
                                    "content": "ans",
                                    "model": "m1",
                                    "done": True,
                                },
                            },
                            "currentId": "b",
                        },
                        "messages": [],
                    },
                }
            },
            "created_at": 1704067200,
            "updated_at": 1704067201,
            "user": {"name": "N", "email": "e"},
        },
        {
            "id": "f2",
            "user_id": "u1",
            "version": 0,
            "type": "rating",
            "data": {"rating": 1, "model_id": "m1", "sibling_model_ids": ["m2"]},
            "meta": {"arena": True, "chat_id": "c1", "message_id": "b"},
            "snapshot": {
                "chat": {
                    "id": "c1",
                    "chat": {
                        "history": {
                            "messages": {
                                "a": {"id": "a", "parentId": None, "role": "user", "content": "q"},
                                "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "ans", "model": "m1"},
                                "c": {
                                    "id": "c",
                                    "parentId": "a",
                                    "role": "assistant",
                                    "content": "other",
                                    "model": "m2",
                                },
                            }
                        }
                    },
                }
            },
            "created_at": 1704067200,
            "updated_at": 1704067201,
        },
    ],
    "sharegpt": [
        {
            "conversations": [
                {"from": "human", "value": "q"},
                {"from": "function_call", "value": '{"name": "w", "arguments": {"x": 1}}'},
                {"from": "observation", "value": "sunny"},
                {"from": "gpt", "value": "a"},
            ],
            "tools": "[]",
        },
        {
            "conversations": [{"from": "human", "value": "hi"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
    ],
}
