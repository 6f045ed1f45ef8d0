"""How the tables of a ledger came to be as they are: one file in `versions/` a change, never edited afterwards."""
