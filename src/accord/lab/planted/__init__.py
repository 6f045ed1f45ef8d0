"""Whole runs with a known fault: the files of a real one, made in seconds from a world of words.

People are simulated evaluators, the reward model adds up words, the policy is the exact optimum under some pressure;
no model is trained. A fault changes one part of it (`accord.lab.faults`), and the clean control is the same code with
none: what a check says of the two is its power and its rate of false alarms.
"""

from accord.lab.planted.run import audit_ledger_of, judges_of, plant, planting_of

__all__ = ["audit_ledger_of", "judges_of", "plant", "planting_of"]
