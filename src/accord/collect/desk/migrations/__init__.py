"""How the desk's tables came to be as they are: one file in `versions/` a change, never edited afterwards."""
