"""Can people be misled? OV4, on answers of both arms of which it is known whether they are right."""

from accord.audit.oversight.deception.misled import misled, strata
from accord.audit.oversight.deception.persuasion import persuasion

CHECKS = (misled, strata, persuasion)
