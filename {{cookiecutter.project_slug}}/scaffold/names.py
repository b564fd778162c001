"""Names: their forms, their plurals, and those that cannot be used."""

import builtins
import keyword
import re
from dataclasses import dataclass

NAME_LENGTH = 40
IDENTIFIER_LENGTH = 63  # https://www.postgresql.org/docs/current/sql-syntax-lexical.html

IRREGULAR = {
    "person": "people", "child": "children", "man": "men", "woman": "women", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "ox": "oxen", "datum": "data", "medium": "media", "criterion": "criteria",
    "hero": "heroes", "potato": "potatoes", "tomato": "tomatoes", "echo": "echoes", "quiz": "quizzes",
    "leaf": "leaves", "life": "lives", "knife": "knives", "wife": "wives", "half": "halves", "shelf": "shelves",
    "wolf": "wolves", "movie": "movies", "cookie": "cookies", "thief": "thieves", "loaf": "loaves", "calf": "calves",
}  # fmt: skip
"""Plurals that no rule below makes; add yours, or give `--plural` once."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNCOUNTABLE = _set(
    "advice equipment evidence feedback fish furniture information knowledge luggage money news series sheep software"
    " species"
)

# What the code that is written calls its own things: a resource of this name would hide one of them.
TAKEN_CLASSES = _set(
    "Annotated Any AsyncSession Base BigInteger Column Conflict CurrentScope Decimal Depends Field ForeignKey Form"
    " IfMatch Index IntegrityError InvalidToken Iterator JsonValue Keyed Literal Mapped MaybeScope Model ModelView"
    " NavItem NotFound Numeric Owned Page PageParams PageQuery PageScope Permission Query Record RecordView Request"
    " Response Rows Schema Scope Select SessionDep StaleDataError StrEnum String StringConstraints Table Taken"
    " TestClient Text UniqueConstraint User UUID VersionConflict View Visitor"
)
TAKEN_VARIABLES = _set(
    "browser choices context data dt error features fields form forms func loop nav notice older options page pytest"
    " query refusal refusals related request response root router rows scope search seen seen_id select self service"
    " session site static status text values version views visitor"
)
TAKEN_PATHS = _set(
    "account admin api auth dev docs email health login logout password reauth redoc signup static users verify"
)


def snake(name: str) -> str:
    """Write `BookReview` as `book_review`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def camel(name: str) -> str:
    """Write `book_review` as `BookReview`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def plural(name: str) -> str:
    """Return the plural of a name in snake_case: of its last word."""
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
    """Return the word whose plural this is, or nothing when it does not look like a plural."""
    head, underscore, word = name.rpartition("_")
    one = {many: single for single, many in IRREGULAR.items()}.get(word) or _singular_word(word)
    return f"{head}{underscore}{one}" if len(one) > 1 and one != word and _plural_word(one) == word else None


def _singular_word(word: str) -> str:
    if word in UNCOUNTABLE or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith("yses"):
        return f"{word[:-2]}is"
    return word[:-2] if re.search(r"(ss|[^ao]us|x|z|ch|sh)es$", word) else word[:-1]


def words(name: str) -> str:
    """Write `book_review` for people: book review."""
    return name.replace("_", " ")


def label(name: str) -> str:
    """Write `book_review` for people, at the start of a line: Book review."""
    text = words(name)
    return text[:1].upper() + text[1:]


def article(name: str) -> str:
    """Return "a" or "an"."""
    return "an" if re.match(r"[aeio]|u(?!ni|se|sa|ti|ri)|hour|honest", name) else "a"


@dataclass(frozen=True)
class Names:
    """The forms of a resource's name: `BookReview` is also book_review, book_reviews, book-reviews and so on."""

    name: str
    plural: str
    """In snake_case: of the package, the table, and the folder of its templates."""

    @property
    def snake(self) -> str:
        """Return book_review."""
        return snake(self.name)

    @property
    def path(self) -> str:
        """Return book-reviews."""
        return self.plural.replace("_", "-")

    @property
    def plural_name(self) -> str:
        """Return BookReviews."""
        return camel(self.plural)

    @property
    def words(self) -> str:
        """Return "book review"."""
        return words(self.snake)

    @property
    def plural_words(self) -> str:
        """Return "book reviews"."""
        return words(self.plural)

    @property
    def label(self) -> str:
        """Return "Book review"."""
        return label(self.snake)

    @property
    def labels(self) -> str:
        """Return "Book reviews"."""
        return label(self.plural)

    @property
    def a(self) -> str:
        """Return "a" or "an"."""
        return article(self.snake)


def problems_of_resource(name: str, plural_given: str | None) -> list[str]:
    """Say what is wrong with the name of a resource."""
    if not re.fullmatch(rf"[A-Z][A-Za-z0-9]{{1,{NAME_LENGTH - 1}}}", name):
        hint = camel(re.sub(r"\W+", "_", name).strip("_"))[:NAME_LENGTH]
        hint = camel(singular(snake(hint)) or snake(hint))
        hint = hint if re.fullmatch(r"[A-Z][A-Za-z0-9]+", hint) and hint != name else "BookReview"
        return [f"{name}: a resource has a name like {hint}: 2 to {NAME_LENGTH} letters and digits"]
    one = singular(snake(name))
    if one and plural_given is None:
        return [f"{name} looks like a plural: say {camel(one)}, or give the plural of {name} with --plural"]
    if is_taken(name):
        return [f"{name}: the code that is written uses this name already; say more, such as My{name}"]
    return []


def is_taken(name: str) -> bool:
    """Tell whether a resource of this name would hide what the code needs."""
    variable = snake(name)
    hidden = keyword.iskeyword(variable) or keyword.iskeyword(name) or hasattr(builtins, variable)
    return hidden or hasattr(builtins, name) or name in TAKEN_CLASSES or variable in TAKEN_VARIABLES


def problems_of_plural(name: str, many: str) -> list[str]:
    """Say what is wrong with the plural of a resource."""
    one = snake(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", many) or len(many) > NAME_LENGTH + 5:
        return [f"--plural {many}: write it in small letters, such as {plural(one)}"]
    if many == one:
        return [f"{name} has no plural of its own: give one, such as --plural {one}_list"]
    if many in TAKEN_PATHS or keyword.iskeyword(many) or many in TAKEN_VARIABLES:
        return [f"{name}: {many} is a name that the project uses already; give another with --plural"]
    return []
