"""Many-shot: a long made-up talk in which everything was answered, and then the request (Anil et al. 2024).

Its questions are the user's own other requests, the harmful ones first, each answered by its `target`.
"""

from accord.audit.attacks.families.base import Attacked, AttackFamily, Material, register_attack
from accord.audit.attacks.requests import SURELY, Benign, Harmful

__all__ = ["many_shot"]

MOST = 64  # turns of a talk


def _many_shot(request: Attacked, material: Material) -> list[str]:
    """Talks that grow to what the files allow, or `MOST` turns, by doubling: a query for each length."""
    others = [each for each in (*material.file.harmful, *material.file.of(Benign)) if each.name != request.name]
    turns = [f"User: {each.text}\nAssistant: {each.target if isinstance(each, Harmful) else SURELY}" for each in others]
    if not turns:
        return []
    order = [turns[place] for place in material.random.permutation(len(turns)).tolist()]
    most = min(MOST, len(order))
    lengths = dict.fromkeys(max(1, most >> halved) for halved in range(material.budget))
    return ["\n".join([*order[:length], f"User: {request.text}\nAssistant:"]) for length in lengths]


many_shot = register_attack(AttackFamily("many_shot", "harmful", "many-shot", _many_shot))
