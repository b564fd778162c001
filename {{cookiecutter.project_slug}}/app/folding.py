"""Which texts are alike in a search: the function that SQLite calls as `fold_text`.

PostgreSQL has a function of this name, in SQL: see `migrations/versions/0006_search.py`. Change both together.
"""

import unicodedata

# The small letters of these depend on what stands around them, or on the library.
_SPECIAL = str.maketrans("İςΣ", "iσσ")  # noqa: RUF001 - Greek


def fold(text: str | None) -> str | None:
    """Return the text in NFKC, so that composed and decomposed accents are alike, and in small letters, ß as ss."""
    if text is None or text.isascii():
        return text and text.lower()
    return unicodedata.normalize("NFKC", text).translate(_SPECIAL).lower().replace("ß", "ss")
