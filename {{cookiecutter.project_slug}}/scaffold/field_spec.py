"""A field as the command line specifies it, and the resource it refers to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from app.database.titles import label_of_name
from scaffold.access import OWNED, Access
from scaffold.enum_values import member_names
from scaffold.names import Names, camel, words
from scaffold.plurals import singular

MAX_TEXT_LENGTH = 50_000

FILES = ("file", "image")
"""Types that are uploaded by a route of their own."""

CLASS_SUFFIXES = frozenset({"create", "dep", "list", "permission", "read", "update"})
"""How the class names of a resource end, for example `NoteCreate`."""


@dataclass(frozen=True)
class Target(Names):
    """A resource that a reference points to."""

    access: Access = OWNED
    title_field: FieldSpec | None = None
    pages: bool = False
    """Whether it has pages to link to."""
    admin: bool = False
    """Whether it has an admin view."""
    by: str = ""
    """The field that its URLs contain; empty if they contain the ID."""
    refers_to: frozenset[str] = frozenset()
    """The features that its code imports when it is loaded. A reference back from one of them is circular."""
    deleted_with_users: bool = False
    """Whether its rows are deleted with the account of a user who isn't their owner."""

    parent: Target | None = None
    """The resource that its URLs start with, `--under`; only its names and `by` are known."""
    generated: bool = True
    """Whether `app new resource` generated it."""

    @property
    def is_user(self) -> bool:
        """Return whether it is a user."""
        return self.name == "User"

    @property
    def models(self) -> str:
        """Return the module of its model."""
        return "app.accounts.models" if self.is_user else f"app.features.{self.plural}.models"

    @property
    def service(self) -> str:
        """Return the module of its query of visible rows."""
        return "app.accounts.users" if self.is_user else f"app.features.{self.plural}.service"

    def new_id(self, caller: str) -> str:
        """Return an expression for the ID of a new row, for tests."""
        return f"new_user_id({caller})" if self.is_user else f'add_{self.snake}({caller})["id"]'

    @property
    def key(self) -> str:
        """Return the attribute that its URLs contain: `id` or a slug."""
        return self.by or "id"

    @property
    def key_param(self) -> str:
        """Return the name of the path parameter: `article_id` or `article_slug`."""
        return f"{self.snake}_{self.key}"

    @property
    def is_linked(self) -> bool:
        """Return whether other pages link to its pages: they have to know the whole address."""
        return self.pages and not (self.parent and self.parent.by)

    def page_path(self, row: str) -> str:
        """Return the path of the page of a row, as part of a template."""
        path = f"{self.path}/{{{{ {row}.{self.key} }}}}"
        if self.parent is None:
            return path
        above = f"{self.parent.snake}.{self.parent.by}" if self.parent.by else f"{self.parent.snake}_id"
        return f"{self.parent.path}/{{{{ {row}.{above} }}}}/{path}"

    @property
    def key_type(self) -> str:
        """Return the type of the path parameter: `UUID` or `ArticleSlug`."""
        return FieldSpec(self, self.by, "slug").class_name if self.by else "UUID"


@dataclass(frozen=True)
class FieldSpec:
    """The parts of `name:type=args:modifiers`."""

    owner: Names
    name: str
    type: str
    args: tuple[str, ...] = ()
    optional: bool = False
    unique: bool = False
    globally: bool = False
    """Whether a unique value differs from those of other owners, too."""
    index: bool = False
    search: bool = False
    title: bool = False
    readonly: bool = False
    """Whether the server sets it: responses contain it, request bodies and forms don't."""
    default_text: str | None = None
    min: str = ""
    max: str = ""
    types: str = ""
    """The types of files that are accepted, such as `pdf,docx`; empty for the default."""
    on_delete: str = ""
    """What happens to a reference when its row is deleted; empty until the row's resource is known."""
    limits: tuple[Decimal, Decimal] | None = None
    """The least and the greatest value of tests, because it is compared with others."""
    varied: bool = False
    """Whether tests give each row another value, because it is unique together with others."""
    source: str = ""
    """The field that a slug is made from."""
    in_url: bool = False
    """Whether URLs contain it instead of the ID."""
    target: Target = field(default_factory=lambda: Target("", ""))
    """The resource that a reference points to."""

    @property
    def column(self) -> str:
        """Return the name in the database and in JSON: `author_id` for author, `genre_ids` for genres."""
        if self.type == "many":
            return f"{singular(self.name) or self.name}_ids"
        return f"{self.name}_id" if self.type in {"ref", *FILES} else self.name

    @property
    def far_column(self) -> str:
        """Return the column of the association table that refers to the other row, for a field with many."""
        near = f"{self.owner.snake}_id"
        far = self.column.removesuffix("s") if self.is_self else f"{self.target.snake}_id"
        return far if far != near else f"other_{far}"

    @property
    def words(self) -> str:
        """Return the display name inside a sentence."""
        return words(self.name)

    @property
    def label(self) -> str:
        """Return the display name, capitalized."""
        return label_of_name(self.name)

    @property
    def is_self(self) -> bool:
        """Return whether it refers to rows of its own table."""
        return self.target.plural == self.owner.plural

    @property
    def is_circular(self) -> bool:
        """Return whether the code of the other resource imports that of this one, directly or indirectly."""
        return self.owner.plural in self.target.refers_to

    @property
    def is_left_out(self) -> bool:
        """Return whether rows of the tests don't have it, because rows of the other resource need such a row."""
        return self.is_self or self.is_circular

    @property
    def differs(self) -> bool:
        """Return whether each row of the tests has another value, such as a reference to a new row."""
        return self.varied or self.unique or (self.type == "ref" and not self.is_left_out)

    @property
    def enum_name(self) -> str:
        """Return the class name of an enum field."""
        return self.class_name

    @property
    def class_name(self) -> str:
        """Return the name of the resource and the field, such as `ArticleSlug`."""
        name = f"{self.owner.cls}{camel(self.name)}"
        return f"{name}Value" if self.name in CLASS_SUFFIXES else name

    @property
    def members(self) -> list[tuple[str, str]]:
        """Return the member names and values of an enum field."""
        return [*zip(member_names(self.args), self.args, strict=True)]

    @property
    def length(self) -> int:
        """Return the maximum length of a `str`, `text` or `slug` field."""
        if self.type == "text":
            return int(self.max or MAX_TEXT_LENGTH)
        return int(self.args[0]) if self.args else 100 if self.type == "slug" else 255

    @property
    def digits(self) -> int:
        """Return the precision of a decimal field."""
        return int(self.args[0]) if self.args else 12

    @property
    def decimal_places(self) -> int:
        """Return the scale of a decimal field."""
        return int(self.args[1]) if self.args else 2

    @property
    def item(self) -> str:
        """Return the item type of a list field."""
        return self.args[0] if self.args else "str"
