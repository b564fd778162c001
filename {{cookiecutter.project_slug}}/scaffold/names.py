"""Name forms and reserved names."""

import builtins
import keyword
import re
from dataclasses import dataclass

from pydantic import BaseModel

from app.database.base import Base, Owned, Record
from app.database.titles import label_of_name
from scaffold.plurals import plural, singular, word_set

NAME_LENGTH = 40

NAME_MARK = "\u02d0"  # a letter, so that a name which ends with it is still one
"""Follows the class name of a resource until its files are written: see scaffold/rendering.py."""

RESERVED_NAMES = word_set("User")
"""Class names of the accounts package."""

ADMIN_KEYS = word_set("event mail role session user")
"""Keys of the admin's own views."""

# Variables of templates and of the pages' layout. A resource with one of these names gets an underscore: `page_`.
RESERVED_VARIABLES = word_set(
    "account_nav browser check_reference check_version choices constraint context contextmanager csrf_field data"
    " delete_row dt enum_choices error false fetch_one fields filters flash_message form forms gettext gettext_noop"
    " headings if_match insert_row keys language languages latest listen live load_visible loop mapped_column may_edit"
    " name nav ngettext older openapi_responses page paginate path problem quantize query redirect_with_message related"
    " relationship render request require_permission resolve_references response root router row_choices rows scope"
    " search section sections seen seen_id select self service session site static stored taken topic_of true unset"
    " update_row value version views violates visitor web_session where_contains where_equal with_etag"
    " yes_no_choices"
)
SQL_WORDS = word_set("cmax cmin ctid nothing returning tableoid xmax xmin")
"""Names that databases reserve even when quoted, or that SQLAlchemy doesn't quote."""
RESERVED_PATHS = word_set(
    "account admin api auth dev docs email health login logout password reauth redoc signup static users verify"
)
"""First segments of the application's own URLs."""

# Names that would shadow what later lines of the same class use.
_SHADOWING = frozenset({"bool", "dict", "dt", "false", "float", "int", "l", "list", "mapped_column", "relationship"})
_SHADOWING |= {"kwargs", "property", "self", "str", "true", "unset"}


def snake(name: str) -> str:
    """Convert `BookReview` to `book_review`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def camel(name: str) -> str:
    """Convert `book_review` to `BookReview`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def words(name: str) -> str:
    """Convert `book_review` to `book review`."""
    return name.replace("_", " ")


def article(name: str) -> str:
    """Return "a" or "an"."""
    return "an" if re.match(r"[aeio]|u(?!ni|se|sa|ti|ri)|hour|honest", name) else "a"


@dataclass(frozen=True)
class Names:
    """The forms of a resource's name: `BookReview`, `book_review`, `book_reviews`, `book-reviews` and so on."""

    name: str
    plural: str
    """The name of the package, the table and the templates folder: `book_reviews`."""

    @property
    def snake(self) -> str:
        """Return `book_review`."""
        return snake(self.name)

    @property
    def cls(self) -> str:
        """Return `BookReview` with a mark that tells it from an imported class of the same name."""
        return self.name + NAME_MARK

    @property
    def function(self) -> str:
        """Return `book_review` with that mark, for functions such as `delete_row` of a resource Row."""
        return self.snake + NAME_MARK

    @property
    def variable(self) -> str:
        """Return `book_review`, or `class_` for Class."""
        return _unused(self.snake)

    @property
    def plural_variable(self) -> str:
        """Return `book_reviews`, `data_` for Datum, or `staff_list` for Staff."""
        return _unused(self.plural) if self.plural != self.snake else f"{self.plural}_list"

    @property
    def rows_of(self) -> str:
        """Return the tests' function for the address of rows under another one: `remarks_of`, or `staff_list_of`."""
        return f"{self.plural}_of" if self.plural != self.snake else f"{self.plural}_list_of"

    @property
    def admin_key(self) -> str:
        """Return `book-review`, as in /admin/book-review/list."""
        return self.path if self.snake in ADMIN_KEYS else self.snake.replace("_", "-")

    @property
    def library_key(self) -> str:
        """Return the key that the admin library derives from the name: `h-t-t-p-log` for HTTPLog."""
        return re.sub("([A-Z])", r"-\1", self.name).lower().lstrip("-")

    @property
    def path(self) -> str:
        """Return `book-reviews`."""
        return self.plural.replace("_", "-")

    @property
    def words(self) -> str:
        """Return `book review`."""
        return words(self.snake)

    @property
    def plural_words(self) -> str:
        """Return `book reviews`."""
        return words(self.plural)

    @property
    def label(self) -> str:
        """Return `Book review`."""
        return label_of_name(self.snake)

    @property
    def labels(self) -> str:
        """Return `Book reviews`."""
        return label_of_name(self.plural)

    @property
    def a(self) -> str:
        """Return "a" or "an"."""
        return article(self.snake)


def resource_name_errors(name: str, plural_given: str | None) -> list[str]:
    """Return the errors in the name of a resource."""
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


def field_name_errors(name: str) -> list[str]:
    """Return the errors in the name of a field."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > NAME_LENGTH:
        hint = re.sub(r"[\W_]+", "_", snake(name)).strip("_")[:NAME_LENGTH]
        hint = hint if re.fullmatch(r"[a-z][a-z0-9_]*", hint) else "title"
        hint = f"{hint}_text" if field_name_errors(hint) else hint
        return [f"invalid field name: use snake_case like {hint}, at most {NAME_LENGTH} characters"]
    if name in SQL_WORDS:
        return [f"{name} is a reserved word in SQL: use {name}_text or another name"]
    if keyword.iskeyword(name) or name in _SHADOWING:
        return [f"{name} is a reserved word in Python or in generated code: use {name}_text or another name"]
    if name in {"id", "version", "created_at", "updated_at", "owner", "owner_id"}:
        return [f"every resource already has the field {name}"]
    used = any(hasattr(parent, name) for parent in (Base, BaseModel, Owned, Record))
    if used or name.startswith(("model_dump", "model_validate")) or name in {"registry", "metadata"}:
        return [f"{name} is a reserved name: use {name}_text or another name"]
    return []


def _plural_for(many: str) -> str:
    """Return a valid plural for a name that looks like one."""
    return f"{many}_list" if plural_errors(camel(many), many) else many


def _unused(variable: str) -> str:
    """Append an underscore to a name that would shadow another: https://peps.python.org/pep-0008/#function-and-method-arguments."""
    shadows = keyword.iskeyword(variable) or hasattr(builtins, variable) or variable in RESERVED_VARIABLES
    return f"{variable}_" if shadows else variable


def plural_errors(name: str, many: str) -> list[str]:
    """Return the errors in the plural of a resource."""
    one = snake(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", many) or len(many) > NAME_LENGTH + 5:
        return [f"--plural {many}: use snake_case, for example {plural(one)}"]
    if many in RESERVED_PATHS:
        return [f"{name}: /{many} is a reserved URL: set another plural, for example --plural {one}_list"]
    if keyword.iskeyword(many) or many in SQL_WORDS:
        return [f"{name}: {many} is a reserved word: set another plural, for example --plural {one}_list"]
    return []
