"""English plurals: rules, and a table of exceptions.

Not a library: inflect takes seconds to import and returns "matrixes"; inflection had its last release in 2020.
"""

import re

IRREGULAR = {
    "person": "people", "child": "children", "man": "men", "woman": "women", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "ox": "oxen", "leaf": "leaves", "life": "lives", "knife": "knives",
    "wife": "wives", "half": "halves", "shelf": "shelves", "wolf": "wolves", "thief": "thieves", "loaf": "loaves",
    "calf": "calves", "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes", "echo": "echoes", "veto": "vetoes",
    "quiz": "quizzes", "datum": "data", "medium": "media", "curriculum": "curricula", "bacterium": "bacteria",
    "memorandum": "memoranda", "addendum": "addenda", "spectrum": "spectra", "criterion": "criteria",
    "phenomenon": "phenomena", "cactus": "cacti", "alumnus": "alumni", "nucleus": "nuclei", "radius": "radii",
    "stimulus": "stimuli", "fungus": "fungi", "locus": "loci", "corpus": "corpora", "genus": "genera",
    "matrix": "matrices", "vertex": "vertices", "vortex": "vortices", "appendix": "appendices", "larva": "larvae",
    "alga": "algae", "axis": "axes", "crisis": "crises", "thesis": "theses",
    "hypothesis": "hypotheses", "synthesis": "syntheses", "diagnosis": "diagnoses", "prognosis": "prognoses",
    "oasis": "oases", "epoch": "epochs", "stomach": "stomachs", "monarch": "monarchs", "cache": "caches",
    "niche": "niches", "movie": "movies", "cookie": "cookies", "pie": "pies", "tie": "ties", "zombie": "zombies",
    "calorie": "calories", "selfie": "selfies", "bus": "buses", "gas": "gases", "lens": "lenses",
    "canvas": "canvases", "atlas": "atlases", "alias": "aliases", "bias": "biases",
}  # fmt: skip
"""Plurals that the rules below don't cover. Add your own, or use `--plural`."""


def word_set(text: str) -> frozenset[str]:
    """Split a text into a set of words."""
    return frozenset(text.split())


UNCOUNTABLE = word_set(
    "advice aircraft baggage deer equipment evidence feedback fish furniture hardware homework information knowledge"
    " luggage metadata money moose news offspring police salmon series sheep shrimp software species staff traffic"
)


def plural(name: str) -> str:
    """Return the plural of a name in snake_case, which is that of its last word."""
    head, underscore, word = name.rpartition("_")
    return f"{head}{underscore}{_plural_word(word)}"


def _plural_word(word: str) -> str:
    if word in UNCOUNTABLE:
        return word
    if word in IRREGULAR:
        return IRREGULAR[word]
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    if word.endswith("sis"):
        return f"{word[:-2]}es"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)$", word) else f"{word}s"


def singular(name: str) -> str | None:
    """Return the singular, or None if the name does not look like a plural."""
    head, underscore, word = name.rpartition("_")
    if word in IRREGULAR:
        return None
    one = {many: single for single, many in IRREGULAR.items()}.get(word) or _singular_word(word)
    return f"{head}{underscore}{one}" if len(one) > 1 and one != word and _plural_word(one) == word else None


def _singular_word(word: str) -> str:
    if word in UNCOUNTABLE or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith("yses"):
        return f"{word[:-2]}is"
    return word[:-2] if re.search(r"(ss|[^ao]us|x|[tz]z|ch|sh)es$", word) else word[:-1]
