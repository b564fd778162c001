"""Bodies are UTF-8: what a parser would decode in another way is refused before anything reads it."""

import codecs
import re
from urllib.parse import unquote_to_bytes

_OTHER_CHARSET = re.compile(r'charset(?!\s*=\s*"?utf-?8"?\s*(?:;|$))')


def names_other_charset(content_type: str) -> bool:
    """Tell whether a form or JSON is announced in another encoding: Python knows some that decode to lone surrogates.

    RFC 7578 §4.6 and RFC 8259 §11 define no such parameter; parsers heed it all the same.
    """
    kind = content_type.lower()
    return "charset" in kind and ("form" in kind or "json" in kind) and _OTHER_CHARSET.search(kind) is not None


class UrlEncodedCheck:
    """Checks a form of the type `application/x-www-form-urlencoded`, piece by piece.

    Starlette would replace malformed percent-encoded UTF-8, and take raw bytes for Latin-1.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = b""

    def passes(self, piece: bytes, *, is_last: bool) -> bool:
        """Tell whether the form is well formed so far."""
        text = self._rest + piece
        cut = -1 if is_last else text.rfind(b"%", max(0, len(text) - 2))  # an escape may go on in the next piece
        text, self._rest = (text, b"") if cut < 0 else (text[:cut], text[cut:])
        try:
            self._decoder.decode(unquote_to_bytes(text), is_last)
        except UnicodeDecodeError:
            return False
        return text.isascii()
