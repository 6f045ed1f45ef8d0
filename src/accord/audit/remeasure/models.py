"""The models of a run, opened as anyone would open them."""

from accord.audit.evidence import POLICY_MODEL, Evidence
from accord.errors import ForeignCodeError, MissingEvidence, ModelError
from accord.lm.causal import CausalModel
from accord.lm.dtypes import DType
from accord.lm.loading import load
from accord.lm.memory import release_memory

__all__ = ["open_model"]


def open_model(evidence: Evidence, name: str = POLICY_MODEL, *, dtype: DType = "float32") -> CausalModel:
    """A model of the run by the folder's name, its digests checked.

    Raises `MissingEvidence` where the run has none, or one that comes with code of its own: no audit runs that. So it
    does where one that other software left cannot be opened.
    """
    folder = evidence.verified(evidence.stage(name))
    release_memory()  # an earlier check may have held another model
    try:
        causal = load(folder, dtype=dtype)
    except ForeignCodeError as error:
        raise MissingEvidence(f"a `{name}` without code of its own, which an audit does not run") from error
    except ModelError as error:
        if name not in evidence.elsewhere.models:
            raise
        raise MissingEvidence(f"a `{name}` that can be opened ({error})") from error
    causal.cuts = True  # as in training; a run that refuses long texts has none
    return causal
