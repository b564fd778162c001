"""Name forms and reserved names."""

import builtins
import keyword
import re
from dataclasses import dataclass

from scaffold.plurals import plural, singular, word_set

NAME_LENGTH = 40
IDENTIFIER_LENGTH = 63  # https://www.postgresql.org/docs/current/sql-syntax-lexical.html


NAME_MARK = "\u02d0"  # a letter, so that a name which ends with it is still one
"""Stands behind the name of a resource's class until its files are written: see scaffold/rendering.py."""

RESERVED_NAMES = word_set("User")
"""What accounts are made of."""

ADMIN_KEYS = word_set("event mail role session user")
"""What the admin calls the views of accounts."""

# What templates and the pages' layout call their own things. A resource of this name has an underscore there: `page_`.
RESERVED_VARIABLES = word_set(
    "account_nav browser check_reference check_version constraint context csrf_field data documented dt entry error"
    " false fields find_references find_visible flash_message form forms if_match keys loop mapped_column name nav"
    " older options options_of page paginate path problem query related relationship render request"
    " require response root router rows rows_of scope search see_other seen seen_id select self service session site"
    " static stored tagged taken true unset utc_now value version views violates visitor where_contains where_equal"
    " with_places"
)
SQL_WORDS = word_set("cmax cmin ctid nothing returning tableoid xmax xmin")
"""What databases take for their own, quoted or because SQLAlchemy does not quote it."""
RESERVED_PATHS = word_set(
    "account admin api auth dev docs email health login logout password reauth redoc signup static users verify"
)


def snake(name: str) -> str:
    """Write `BookReview` as `book_review`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def camel(name: str) -> str:
    """Write `book_review` as `BookReview`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


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
    def cls(self) -> str:
        """Return BookReview, marked as the resource's own in case that a library has a class of this name."""
        return self.name + NAME_MARK

    @property
    def variable(self) -> str:
        """Return book_review, or `class_` of a Class."""
        return _unused(self.snake)

    @property
    def plural_variable(self) -> str:
        """Return book_reviews, `data_` of a Datum, or `staff_list` of a Staff."""
        return _unused(self.plural) if self.plural != self.snake else f"{self.plural}_list"

    @property
    def admin_key(self) -> str:
        """Return book-review, as in /admin/book-review/list."""
        return self.path if self.snake in ADMIN_KEYS else self.snake.replace("_", "-")

    @property
    def library_key(self) -> str:
        """Return what the admin's library would make of the name: h-t-t-p-log of an HTTPLog."""
        return re.sub("([A-Z])", r"-\1", self.name).lower().lstrip("-")

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
        return [f"{name}: invalid resource name: use CamelCase like {hint}, 2 to {NAME_LENGTH} letters and digits"]
    one = singular(snake(name))
    if one and plural_given is None:
        return [f"{name} looks like a plural: use {camel(one)}, or set --plural {_plural_for(snake(name))}"]
    if name in RESERVED_NAMES or keyword.iskeyword(name) or hasattr(builtins, name):
        owner = "the accounts package" if name in RESERVED_NAMES else "Python"
        return [f"{name}: {owner} already has a class with this name: use another name, for example {name}Entry"]
    return []


def _plural_for(many: str) -> str:
    """Return a plural in which nothing is wrong, for a name that looks like one."""
    return f"{many}_list" if problems_of_plural(camel(many), many) else many


def _unused(variable: str) -> str:
    """Return a name that hides nothing: https://peps.python.org/pep-0008/#function-and-method-arguments."""
    hides = keyword.iskeyword(variable) or hasattr(builtins, variable) or variable in RESERVED_VARIABLES
    return f"{variable}_" if hides else variable


def problems_of_plural(name: str, many: str) -> list[str]:
    """Say what is wrong with the plural of a resource."""
    one = snake(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", many) or len(many) > NAME_LENGTH + 5:
        return [f"--plural {many}: use snake_case, for example {plural(one)}"]
    if many in RESERVED_PATHS:
        return [f"{name}: /{many} is a reserved URL: set another plural, for example --plural {one}_list"]
    if keyword.iskeyword(many) or many in SQL_WORDS:
        return [f"{name}: {many} is a reserved word: set another plural, for example --plural {one}_list"]
    return []
