"""For whom a reward speaks: everybody, groups, persons, groups that nobody named; and how many become one score."""
