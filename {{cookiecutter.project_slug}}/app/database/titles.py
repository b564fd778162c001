"""Display names of rows, which are the title, or the model and the ID if it is empty; and of enum values."""

import re

_ACRONYMS = {word.lower(): word for word in ("API", "BIC", "IBAN", "ID", "IP", "ISBN", "SKU", "URL", "UUID", "VAT")}
_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def label_of_name(name: str) -> str:
    """Return a name in code as a label: `paid_at` is "Paid at", and `isbn` is "ISBN"."""
    text = " ".join(_ACRONYMS.get(word, word) for word in name.split("_"))
    return text[:1].upper() + text[1:]


def model_name(model: type) -> str:
    """Return a model's name for display: `OrderLine` is "order line"."""
    return _WORD_BOUNDARY.sub(" ", model.__name__).lower()


def name_row(model: type, key: object, title: str) -> str:
    """Return the title, or "Order line 0193…"."""
    return title_or_key(title, model_name(model).capitalize(), key)


def title_or_key(title: str, label: str, key: object) -> str:
    """Return the title, or the label and the key if it is empty."""
    return title.strip() or f"{label} {key}"


def enum_label(value: object) -> str:
    """Return an enum value for display: "In stock" for `in-stock`. Text with capital letters, like PG-13, is kept."""
    text = str(value)
    if text.islower() or "_" in text:
        return re.sub(r"(?<=\w)[-_](?=\w)", " ", text).capitalize()
    return text
