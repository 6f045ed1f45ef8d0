"""Peers that write with engines of their own, each in an environment of its own: nothing here knows accord."""
