"""The twelve items, a file each."""
