"""Migrations of the tables of recorded answers."""
