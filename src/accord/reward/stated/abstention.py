"""Does a text decline to answer ("I don't know"), in English?

A text abstains where one of its clauses says that whoever writes does not know, cannot tell or will not guess, or that
the answer is not known or cannot be had; where no clause commits itself to an answer ("my guess is", "it is probably");
and where what follows is not a statement of another kind: apologies, reasons and advice where to ask do no harm.
Clauses in quotation marks, and clauses about the words themselves ("the phrase I don't know means"), do not count, nor
do thoughts before the last `</think>`. Where an answer is marked (`####`, `\\boxed{}`) it is one, unless what is marked
declines to answer.

It reads sentence by sentence, each with patterns of bounded reach, in time linear in the text. Other languages are not
known: their abstentions count as answers.
"""

import re
from collections.abc import Sequence

from accord.verdicts.numbers import BOXED, MARKED

__all__ = ["abstains"]

ADVERB = (
    r"(?:\s(?:really|actually|honestly|truly|simply|just|currently|even|personally|exactly|quite|yet|still|reliably"
    r"|confidently|definitively|accurately|possibly|safely|sadly|unfortunately|also|genuinely|frankly"
    r"|in good conscience"
    r"|with (?:any )?(?:certainty|confidence)),?)*"
)
WHO = r"\b(?<!if )(?<!when )(?<!whenever )(?<!unless )(?<!until )(?<!what )(?<!whatever )(?:i|we)"
CAN_NOT = (
    r"(?:\s(?:cannot|can't|can not|could not|couldn't|(?:will not|won't|would not|wouldn't) be able to|wasn't able to"
    r"|(?:am|are|was|were) (?:not able|unable) to)|'(?:m|re) (?:not able|unable) to)"
)
LACK = (
    r"(?:idea|clue|knowledge|information|info|data|way (?:of knowing|to know|to tell)"
    r"|answer|memory|recollection|record)s?"
)
SUBJECT = (
    r"\b(?:(?:the|an) (?:\w+ )?answer|(?:that|this|it|the question|your question))"
    r"(?: to (?:that|this|it|the question|your question|this question|that question))?"
)
MATERIAL = (
    r"\b(?:the|this|your|these|given)(?: \w+)? (?:passage|text|context|question|document|article|information|prompt"
    r"|source"
    r"|data|paragraph|story|problem|details|facts|report)s?"
)
STRONG = re.compile(
    "|".join(
        (
            rf"{WHO}{ADVERB}\s(?:don't|do not|dont){ADVERB}\s(?:know|recall|remember)"
            r"(?!\s(?:about you\b|of (?:a|any) (?:better|other)|anything else|(?:any|much) more|more|why (?:you"
            r"|people|anyone)))",
            rf"{WHO}{ADVERB}\s(?:don't|do not|dont){ADVERB}\shave (?:\w+ ){{0,4}}(?:{LACK}|access|details|context"
            rf"|source)\b",
            rf"{WHO}{ADVERB}\s(?:don't|do not) (?:think|believe|feel) (?:that )?i (?:can|could|know|have|am able)\b",
            rf"{WHO}{ADVERB}{CAN_NOT}{ADVERB}\s(?:say|tell|answer|determine|confirm|provide|give|find|recall"
            rf"|remember|identify"
            r"|be (?:sure|certain|confident|of help)|verify|help|comment|work (?:it|this|that) out|figure|solve"
            r"|establish"
            r"|state|name|offer|think of|decide|judge|know|estimate|predict|responsibly)\b"
            r"(?!\s(?:but\b|enough|you how|more|anything else))",
            rf"{WHO}{ADVERB}(?:'ve| have| had)(?: got)?(?: absolutely| really| honestly| simply)? "
            rf"(?:no|zero|not the (?:faintest|foggiest|slightest)|not (?:an?|any|enough)) (?:\w+ ){{0,2}}?{LACK}\b",
            rf"{WHO} (?:haven't|have not)(?: got)? (?:an? |any |the |enough )?(?:\w+ )?(?:{LACK}|faintest|foggiest"
            rf"|slightest)\b",
            rf"{WHO} (?:haven't|have not|have never|'ve never) (?:learn(?:ed|t)|come across|encountered|heard of"
            rf"|been (?:told|given))",
            rf"{WHO}{ADVERB} lack (?:\w+ ){{0,3}}(?:information|knowledge|context|data|details)",
            rf"{WHO}(?:'m| am|'re| are){ADVERB} (?:not (?:aware|familiar)|unaware|unfamiliar|clueless|stumped"
            rf"|at a loss|in the dark"
            r"|ignorant|drawing a blank|not (?:in a position|qualified|equipped)|not going to (?:guess|answer"
            r"|speculate))",
            rf"{WHO}(?:'d| would|'ll| will| must| have to| prefer to| choose to| shall)?(?: rather| prefer to)? "
            r"(?:not (?:guess|answer|say|speculate)|abstain|pass\b|decline|refrain|refuse to (?:guess|answer))",
            rf"{WHO}(?:'m| am|'re| are)(?: just)? going to (?:abstain|pass\b|decline|refrain)",
            r"\bmy (?:knowledge|training|training data|information|data) "
            r"(?:does not|doesn't|do not|don't|ends?\b|stops?\b)",
            rf"{WHO} (?:won't|will not) (?:guess|speculate|answer|make)",
            rf"{WHO}(?:'d| would)(?: only| just)? be (?:only |just )?(?:guessing|speculating|making)",
            rf"{WHO} (?:wish i knew|forget|forgot|draw a blank|give up)\b",
            r"\b(?:escapes me|slips my mind|beats me|search me|beyond me)\b",
            r"\byour guess is as good as mine\b|\b(?:nobody|no one|who) (?:really )?knows\b(?! (?:what|how|why"
            r"|where|better|that|this better|it better))",
            r"\b(?:outside|beyond)(?: of)?(?: the (?:scope|limits) of)? (?:my|what i) (?:knowledge|expertise"
            r"|training|know|abilit|field)",
            r"\b(?:it|that|this)(?:'s| is| would be)(?: simply| just| currently| almost| really)? (?:impossible"
            r"|not possible) "
            r"(?:for (?:me|us|anyone) )?to (?:say|know|tell|determine|answer|establish|be sure)",
            rf"{SUBJECT}(?:'s| is| remains| are)(?: currently| still| simply| really| just)? (?:unknown|not known"
            r"|unclear|unanswerable|undetermined|not clear|anyone's guess|a mystery|not something i|unknowable"
            r"|not available to me)(?! (?:to|by|as|for|until|that))",
            rf"{SUBJECT} (?:cannot|can't|can not|could not) be (?:determined|known|answered|established|inferred"
            rf"|verified|given)",
            r"\b(?:cannot|can't|can not) be (?:determined|known|answered|inferred|established) (?:from|with|without"
            r"|based)",
            r"\bthere(?:'s| is| isn't| is not| are)(?: simply| just)?(?: not| no)? (?:enough|sufficient"
            r"|insufficient|way) "
            r"(?:\w+ )?(?:for (?:me|us|anyone|anybody) )?(?:information|info|context|data|details|evidence"
            r"|to (?:know|tell|say|determine|answer"
            r"|be sure)|of knowing)",
            rf"{MATERIAL} (?:does not|doesn't|do not|don't|fails to|fail to|never)(?: \w+)? "
            r"(?:say|mention|state|specify|provide|include|contain|give|tell|indicate|reveal|disclose|cover"
            r"|answer)s?",
            rf"{MATERIAL} (?:provides?|gives?|contains?|offers?) (?:no|insufficient|too little)\b",
        )
    ),
    re.IGNORECASE,
)
WEAK = re.compile(
    rf"{WHO}(?:'m| am|'re| are){ADVERB} (?:not{ADVERB} (?:sure|certain|confident|positive)|unsure"
    rf"|uncertain)(?! (?:that|why) you)",
    re.IGNORECASE,
)
BARE = re.compile(
    r"(?:(?:sorry|well|hmm+|honestly|um+|uh|oh|frankly|and|so|answer|final answer|response)\b[,.: ]*)*"
    r"(?:absolutely |really |i have |i've )?(?:no (?:idea|clue|comment|answer)|not sure|unsure|dunno|i dunno"
    r"|don't know|do not know"
    r"|unknown|idk|can't say|cannot say|can't tell|cannot tell|not certain|hard to (?:say|tell)|pass|i pass|n/?a"
    r"|i abstain|abstain"
    r"|(?:not enough|insufficient) (?:information|info|context|data)|cannot be determined|unanswerable|undetermined"
    r"|unclear"
    r"|wish i knew|not known|no answer (?:found|available))"
    r"(?:,? (?:to be (?:honest|frank|fair)|at all|really|honestly|for sure|on (?:that|this)(?: one)?"
    r"|about (?:that|this)(?: one)?|here|this time"
    r"|i'm afraid|sorry"
    r"|given|provided|to (?:say|tell|answer|determine)))*",
    re.IGNORECASE,
)
NO_ANSWER = (
    r"(?:unknown|not\b|un\w+|i\b|we\b|that (?:i|we)\b|impossible|beyond|anyone|nobody|no one|no\b|none of|outside"
    r"|a mystery"
    r"|cannot|can't|there (?:is|isn't)|it(?:'s| is) (?:impossible|not|un)|n/?a\b|idk|dunno|\*)"
)
COMMITMENT = re.compile(
    "|".join(
        (
            rf"\banswer(?:\s+is|\s+would be|\s+should be|\s+must be|:)[\s:]*(?!{NO_ANSWER})\w",
            rf"\b(?:i|we)(?:'d| would| will|'ll)?(?: still)? (?:think|guess|believe|suspect|estimate|imagine|reckon"
            rf"|assume|say|bet"
            rf"|go with|lean towards?|suppose|venture|put it)\b\s+(?!{NO_ANSWER}|so\b|about\b|the (?:answer"
            rf"|question) (?:is|remains) un"
            r"|this (?:is|question)|more\b|you\b|and\b|or\b)\w",
            rf"\b(?:my|a|the) (?:\w+ )?(?:guess|estimate|hunch)(?: is| would be|:|,)\s*(?!{NO_ANSWER}|as good)\w",
            rf"\b(?:maybe|perhaps|probably|possibly|most likely|presumably)\s+(?!{NO_ANSWER}|you\b|ask|check|try"
            rf"|some|an? expert)\w",
            r"\b(?:it|this|that|he|she|they|there)(?:'s| is| was| were| are|'re| could be| might be| may be"
            r"| must be) "
            r"(?:probably|likely|most likely|perhaps|maybe|possibly|almost certainly|definitely|certainly)\b"
            r"(?! (?:impossible|unknown|not known|best|worth|beyond))",
        )
    ),
    re.IGNORECASE,
)
HARMLESS = re.compile(
    r"\b(?:sorry|apolog\w+|unfortunately|afraid|please|let me know|feel free|happy to|glad to|hope|help|consult"
    r"|check|look|search"
    r"|ask|recommend|suggest|advise|refer|visit|contact|need|more (?:information|context|details?)|provide|share"
    r"|clarify|experts?"
    r"|sources?|reliable|verify|training|knowledge|cutoff|information|context|ai|language model|honest\w*|guess\w*"
    r"|made up|make"
    r"|mislead|speculat\w+|wrong|rather|better|thank|question|tough|tricky|hard|difficult|not|no|never|without"
    r"|nothing|nobody"
    r"|unknown|uncertain\w*|depends?|you|could be any\w*|many|several|various)\b|n't\b",
    re.IGNORECASE,
)
STATEMENT = re.compile(r",\s+(?:the|it|he|she|they|there|its|his|her|their|in|at|on|by)\b", re.IGNORECASE)
MENTION = re.compile(
    r"\b(?:phrases?|words?|expressions?|sentences?|song|saying|title|lyric|album|movie|called|titled|translat\w+"
    r"|pronounced)\b"
    r"[^.]{0,40}$",
    re.IGNORECASE,
)
MENTIONED = re.compile(
    r"^\W*(?:means?|translates?|is (?:an? |the )?(?:song|phrase|expression|title|french|spanish|german))\b", re.I
)
QUOTED = re.compile(
    r'"[^"\n]{0,400}"|\u201c[^\u201d\n]{0,400}\u201d|\u00ab[^\u00bb\n]{0,400}\u00bb|(?<!\w)\'[^\'\n]{1,80}(?:\'\w[^\'\n]{0,80}){0,3}\'(?!\w)'
)
CLAUSE = re.compile(
    r"(?<=[.!?])\s+|[;\n]+|\s+[\u2013\u2014-]+\s+|,?\s+\b(?:but|however|although|though|yet|still,)\b,?\s+"
    r"|,\s+(?=[A-Z0-9](?!'|\s))"
)
TITLED = re.compile(r"\bDon't Know\b")
MARK = re.compile(rf"\${{0,2}}{BOXED.pattern}\${{0,2}}|{MARKED.pattern}", re.MULTILINE)
WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox)\s?\{([^{}]*)\}")
LONGEST = 2_000  # characters of a clause that are looked at


def abstains(text: str) -> bool:
    """Whether a text declines to answer. An empty one does not: it says nothing."""
    clauses = _clauses(text)
    first = next((place for place, clause in enumerate(clauses) if _strong(clause)), None)
    weak = first is None
    if weak:
        first = next((place for place, clause in enumerate(clauses) if WEAK.search(clause)), None)
    if first is None or any(_commits(clause) for clause in clauses):
        return False
    if weak and not all(_harmless(clause) for clause in clauses[:first]):
        return False
    return not _goes_on(clauses[first]) and all(_harmless(clause) for clause in clauses[first + 1 :])


def _clauses(text: str) -> Sequence[str]:
    """The clauses of what a text says at last, without quotations; a text that is one quotation stands for itself."""
    said = text.rpartition("</think>")[2].replace("\u2019", "'").replace("`", " ").replace("*", " ").replace("_", " ")
    said = MARK.sub(_without_mark, re.sub(r"</?\w{1,20}>", " ", said))
    said = re.sub(r"[^\S\n]+", " ", said)
    said = re.sub(r" ?\n\s*", "\n", said).strip()
    if len(said) > 1 and said[0] == said[-1] == '"' and said.count('"') == 2:
        said = said[1:-1]
    return [clause.strip()[:LONGEST] for clause in CLAUSE.split(QUOTED.sub(" ... ", said)) if re.search(r"\w", clause)]


def _without_mark(mark: re.Match[str]) -> str:
    """What stands behind `####` or in `\\boxed{}`, where that itself declines to answer; else the mark as it is."""
    boxed, marked = mark.groups()
    content = WRAPPED.sub(r"\1", marked if boxed is None else boxed)[:LONGEST]
    declines = not re.search(r"\d|\\boxed|####", content) and abstains(content)
    return content if declines else mark[0]


def _strong(clause: str) -> bool:
    if BARE.fullmatch(clause.strip(" .!?,:()[]")):
        return True
    return any(
        not MENTION.search(clause[: match.start()])
        and not MENTIONED.search(clause[match.end() :])
        and not TITLED.search(match[0])
        for match in STRONG.finditer(clause)
    )


def _commits(clause: str) -> bool:
    return "\\boxed{" in clause or clause.startswith("####") or COMMITMENT.search(clause) is not None


def _harmless(clause: str) -> bool:
    """Whether a clause beside an abstention is of the kind that goes with one."""
    return _strong(clause) or WEAK.search(clause) is not None or HARMLESS.search(clause) is not None


def _goes_on(clause: str) -> bool:
    """Whether a statement of another kind follows within the clause: `while I'm not certain, the author was ...`."""
    _, comma, rest = clause.partition(",")
    return STATEMENT.match(comma + rest) is not None and HARMLESS.search(rest) is None
