"""Seeds of named purposes: what is drawn for one request depends on no other."""

import hashlib

__all__ = ["named_seed"]


def named_seed(seed: int, *names: str) -> int:
    """A seed of 32 bits from another one and names."""
    digest = hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:4], "big")
