"""Claims that only a model can be asked about: the one place of the audit that loads weights.

Importing it raises `MissingExtraError` where models cannot be opened; the check that asked cannot be assessed then.
"""

from accord.extras import TRAIN, require

require(TRAIN, "measuring with the models of a run")
