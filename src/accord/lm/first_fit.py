"""Which row each of many blocks goes into: the first one with room for it, found without looking at every row."""

from collections.abc import Sequence

__all__ = ["first_fit"]


def first_fit(lengths: Sequence[int], room: int) -> list[int]:
    """The row of each block, in the order given: the first one in which it fits; rows are opened one after the other.

    A row has `room` places; a block that needs more has one of its own. In decreasing order of lengths this is
    first-fit decreasing (Johnson 1973). The room of all rows stands in a tree whose nodes hold the most of what is
    below them, so that a block is placed in as many looks as the tree is high.
    """
    leaves = 1 << max(0, len(lengths) - 1).bit_length()
    most = [room] * (2 * leaves)  # of node i: children 2i and 2i + 1; rows that are not opened yet are empty ones
    opened = 0
    rows = []
    for length in lengths:
        node = leaves + opened if length > room else 1
        while node < leaves:
            node *= 2
            if most[node] < length:
                node += 1
        row = node - leaves
        rows.append(row)
        opened = max(opened, row + 1)
        most[node] -= length
        while node > 1:
            node //= 2
            most[node] = max(most[2 * node], most[2 * node + 1])
    return rows
