"""Reward and policy that learn in turn: does the reward keep up with what the policy writes? JT1, JT2."""

from accord.audit.joint.growth import growth
from accord.audit.joint.stale import stale

CHECKS = (growth, stale)
