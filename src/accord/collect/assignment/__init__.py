"""Who gets what next, and what is worth asking again: pure functions of what is known."""
