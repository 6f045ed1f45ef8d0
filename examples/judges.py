"""A judge and a metric of one's own, for judges.toml."""


def helpful(prompts, completions):
    """How many of the words of a question an answer takes up, and that it does not only repeat them."""
    scores = []
    for prompt, completion in zip(prompts, completions, strict=True):
        asked, said = set(prompt.text.lower().split()), set(completion.text.lower().split())
        scores.append(len(asked & said) / len(asked) + 0.1 * min(len(said - asked), 10))
    return scores


def question_marks(texts):
    """How often a text asks back."""
    return [text.count("?") for text in texts]
