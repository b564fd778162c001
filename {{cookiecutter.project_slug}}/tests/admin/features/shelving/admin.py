"""Books with their copies."""

from importlib import import_module
from typing import Any

from app.accounts.models import User
from app.admin.base.default_view import DefaultView
from app.admin.base.inlines import InlineView
from app.api.schemas import Schema

library: Any = import_module("app.features.library.models")


class CopyUpdate(Schema):
    """Changes to a copy."""

    lent: int


class CopyInline(InlineView):
    """Inline copies in the form of a book."""

    model = library.Copy
    schema = CopyUpdate
    title_field = "shelf"
    fields = ("shelf", "lent", "book")
    exclude_fields_from_create = exclude_fields_from_edit = ("book",)


class KeptInline(InlineView):
    """Inline copies that can't be deleted."""

    model = library.Copy
    key = "kept"
    title_field = "shelf"
    fields = ("shelf", "lent")
    allow_delete = False


class ShelfView(DefaultView):
    """Books with editable copies."""

    model = library.Book
    key = "shelf"
    menu_label = "Shelves"
    fields = ("id", "title")
    inlines = (CopyInline,)


class KeptView(DefaultView):
    """Books with copies that can't be deleted."""

    model = library.Book
    key = "keep"
    menu_label = "Kept"
    fields = ("id", "title")
    inlines = (KeptInline,)


class CatalogueView(DefaultView):
    """Books with imports."""

    model = library.Book
    key = "catalogue"
    menu_label = "Catalogue"
    related_models = (User, library.Author, library.Subject)
    importers = ("csv",)


class PoetView(DefaultView):
    """Authors with imports."""

    model = library.Author
    key = "poet"
    menu_label = "Poets"
    importers = ("csv",)


class LoanView(DefaultView):
    """Copies with imports."""

    model = library.Copy
    key = "loan"
    menu_label = "Loans"
    related_models = (library.Book,)
    importers = ("csv",)


class ShelfMarkView(DefaultView):
    """Shelf marks with imports."""

    model = library.Mark
    key = "shelf-mark"
    menu_label = "Shelf marks"
    importers = ("csv",)


class WorkInline(InlineView):
    """Inline books in the form of an author."""

    model = library.Book
    key = "work"
    title_field = "title"
    fields = ("title", "isbn", "genre", "reader", "subjects")


class WriterView(DefaultView):
    """Authors with editable books."""

    model = library.Author
    key = "writer"
    menu_label = "Writers"
    fields = ("id", "name")
    inlines = (WorkInline,)


views = [WriterView, ShelfView, KeptView, CatalogueView, PoetView, LoanView, ShelfMarkView]
