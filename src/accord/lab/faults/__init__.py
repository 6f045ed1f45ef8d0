"""Faults that can be planted into a run, one file each, for the audit to find.

To add one, subclass `Fault`, override the method of the part that it spoils, and decorate it with `register_fault`.
"""

from accord.lab.faults import (
    careless,
    fatigue,
    few_heads,
    gender_bias,
    gullible_few,
    hard_tasks,
    lay_people,
    leaky_split,
    length,
    mode_collapse,
    noisier_minority,
    opposed_minority,
    over_optimisation,
    position,
    sophistry,
    uncovered_topic,
    unrepresentative,
    wrong_assistant,
)
from accord.lab.faults.base import FAULTS, Fault, description_of, planted_in, register_fault, some_of

__all__ = [
    "FAULTS",
    "Fault",
    "careless",
    "description_of",
    "fatigue",
    "few_heads",
    "gender_bias",
    "gullible_few",
    "hard_tasks",
    "lay_people",
    "leaky_split",
    "length",
    "mode_collapse",
    "noisier_minority",
    "opposed_minority",
    "over_optimisation",
    "planted_in",
    "position",
    "register_fault",
    "some_of",
    "sophistry",
    "uncovered_topic",
    "unrepresentative",
    "wrong_assistant",
]
