"""Require UTF-8 for forms and JSON; parsers would decode other charsets incorrectly."""

import re
from urllib.parse import unquote_to_bytes

_OTHER_CHARSET = re.compile(r'charset(?!\s*=\s*"?utf-?8"?\s*(?:;|$))')


def has_unsupported_charset(content_type: str) -> bool:
    """Return whether `Content-Type` declares a charset other than UTF-8 (RFC 7578 §4.6, RFC 8259 §11)."""
    media = content_type.lower()
    return "charset" in media and ("form" in media or "json" in media) and _OTHER_CHARSET.search(media) is not None


def is_percent_encoded_utf8(form: bytes) -> bool:
    """Return whether this is valid `application/x-www-form-urlencoded`."""
    try:
        unquote_to_bytes(form).decode()
    except UnicodeDecodeError:
        return False
    return form.isascii()
