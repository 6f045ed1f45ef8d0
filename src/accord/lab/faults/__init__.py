"""Faults that can be planted into a run, one file each, for the audit to find.

To add one, subclass `Fault`, override the method of the part that it spoils, and decorate it with `register_fault`.
"""

from accord.lab.faults import (
    bursts,
    careless,
    fatigue,
    flippers,
    kinds,
    leaky_split,
    length,
    machine_written,
    mode_collapse,
    noisier_minority,
    opposed_minority,
    over_optimisation,
    position,
    trigger,
    uncovered_topic,
)
from accord.lab.faults.base import FAULTS, Fault, description_of, planted_in, register_fault, some_of

__all__ = [
    "FAULTS",
    "Fault",
    "bursts",
    "careless",
    "description_of",
    "fatigue",
    "flippers",
    "kinds",
    "leaky_split",
    "length",
    "machine_written",
    "mode_collapse",
    "noisier_minority",
    "opposed_minority",
    "over_optimisation",
    "planted_in",
    "position",
    "register_fault",
    "some_of",
    "trigger",
    "uncovered_topic",
]
