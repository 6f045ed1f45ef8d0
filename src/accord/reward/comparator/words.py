"""Words that edits exchange, in two lists each: one that comparators learn from, one that they may be tested on."""

__all__ = ["ANTONYMS", "FRAMES", "NAMES", "NUMBER_WORDS", "STATEMENTS", "SYNONYMS", "UNITS"]

# fmt: off
SYNONYMS: tuple[dict[str, str], dict[str, str]] = (
    {
        "big": "large", "large": "big", "begin": "start", "begins": "starts", "began": "started",
        "started": "began", "purchase": "buy", "purchased": "bought", "buys": "purchases",
        "bought": "purchased", "movie": "film", "film": "movie", "movies": "films", "films": "movies",
        "approximately": "roughly", "located": "situated", "famous": "well-known", "many": "numerous",
        "often": "frequently", "usually": "generally", "whole": "entire", "entire": "whole",
        "twice": "two times", "children": "kids", "kids": "children", "mother": "mom", "father": "dad",
        "requires": "needs", "require": "need", "needs": "requires", "therefore": "thus", "thus": "therefore",
        "also": "additionally", "primarily": "mainly", "mainly": "primarily", "occurs": "happens",
        "occurred": "happened", "remaining": "leftover", "near": "close to", "created": "made",
        "ended": "finished", "currently": "at present", "initially": "at first", "because": "since",
        "gets": "receives", "quick": "fast", "automobile": "car", "cars": "automobiles", "doctor": "physician",
    },
    {
        "small": "little", "finish": "complete", "finishes": "completes", "finished": "completed",
        "completed": "finished", "help": "assist", "helps": "assists", "helped": "assisted", "attempt": "try",
        "attempts": "tries", "show": "display", "shows": "displays", "obtained": "acquired", "nearly": "almost",
        "almost": "nearly", "sick": "ill", "ill": "sick", "error": "mistake", "errors": "mistakes",
        "rarely": "seldom", "constructed": "built", "built": "constructed", "released": "put out",
        "frequently": "often", "various": "different", "well-known": "famous", "large": "sizeable",
        "named": "called", "called": "named", "spends": "pays out", "sells": "vends", "sold": "vended",
        "wrote": "penned", "died": "passed away", "located": "found", "however": "nevertheless",
        "people": "persons", "job": "occupation", "trip": "journey",
    },
)
"""A word to one that says the same in nearly every sentence."""

ANTONYMS: tuple[dict[str, str], dict[str, str]] = (
    {
        "more": "less", "less": "more", "increase": "decrease", "increased": "decreased", "first": "last",
        "last": "first", "all": "none", "largest": "smallest", "smallest": "largest", "north": "south",
        "south": "north", "always": "never", "won": "lost", "lost": "won", "higher": "lower", "lower": "higher",
        "male": "female", "female": "male", "best": "worst", "old": "new", "new": "old", "true": "false",
        "left": "gained", "buys": "sells", "sells": "buys", "most": "fewest", "include": "exclude",
        "includes": "excludes", "began": "ended", "born": "buried", "long": "short", "half": "double",
        "both": "neither", "profit": "loss", "add": "subtract", "spent": "earned",
    },
    {
        "east": "west", "west": "east", "longest": "shortest", "highest": "lowest", "early": "late",
        "earliest": "latest", "rise": "fall", "rises": "falls", "rose": "fell", "oldest": "youngest",
        "accept": "reject", "accepted": "rejected", "legal": "illegal", "possible": "impossible",
        "single": "married", "every": "no", "saves": "wastes", "sold": "bought", "bought": "sold",
        "above": "below", "below": "above", "open": "closed", "public": "private", "older": "younger",
        "younger": "older", "faster": "slower", "earned": "lost", "fewer": "more", "appeared": "disappeared",
        "strong": "weak", "hot": "cold", "friend": "enemy",
    },
)
"""A word to one with which the sentence says something else."""

UNITS: tuple[dict[str, str], dict[str, str]] = (
    {
        "dollars": "cents", "cents": "dollars", "hours": "minutes", "minutes": "hours", "miles": "yards",
        "pounds": "ounces", "days": "weeks", "weeks": "days", "feet": "inches", "years": "months",
        "million": "thousand",
    },
    {
        "hour": "second", "seconds": "hours", "kilometers": "meters", "metres": "kilometres",
        "meters": "kilometers", "months": "days", "gallons": "pints", "inches": "feet", "billion": "million",
        "dozen": "score", "year": "month", "ounces": "pounds", "thousand": "million", "century": "decade",
        "percent": "percentage points", "day": "hour",
    },
)
"""A unit to another of its kind."""

FRAMES: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "So, ", "In other words, ", "Note that ", "In fact, ", "Here is what we know: ", "As we can see, ",
        "Well, ", "To sum up, ", "Basically, ", "Simply put, ", "The facts are these: ",
        "Here is the solution. ", "It is known that ", "To begin with, ", "That means: ",
        "As everybody knows, ",
    ),
    (
        "To put it plainly, ", "As a matter of fact, ", "The answer is as follows. ", "It is the case that ",
        "That is, ",
    ),
)
"""What can stand before a text without adding a fact to it."""

STATEMENTS: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "{name} was there too.", "It was later sold to {name}.", "This happened in {year}.",
        "{name} paid for it.", "It took {number} days.", "{name} has {number} more at home.",
        "There are {number} of them in all.", "It won a prize in {year}.", "{name} did not agree.",
        "The colour was red.", "It cost ${number}.",
    ),
    (
        "Nobody knew that {name} had left.", "By {year} it had been closed.",
        "About {number} people came to see it.", "It is made of wood.", "{name}'s brother gave back {number}.",
        "Since {year} it has been free of charge.",
    ),
)
"""Facts that may be added."""

NAMES: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "Anna", "Robert", "Maria", "James", "Chen", "Fatima", "Oliver", "Priya", "Diego", "Helen", "Paris",
        "Berlin", "Texas", "India", "Sony", "Ford", "Johnson", "Miller", "Garcia", "Kim", "Tuesday", "March",
    ),
    (
        "Ingrid", "Kwame", "Sofia", "Yusuf", "Nora", "Pavel", "Lisbon", "Kenya", "Ohio", "Siemens", "Okafor",
        "Novak", "Friday", "August",
    ),
)

NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)
"""The number that a word stands for is its place."""
# fmt: on
