"""User-friendly messages for Pydantic's validation errors."""

from pydantic_core import ErrorDetails

from app.i18n import SOURCE_LOCALE, current_locale, gettext, gettext_noop

# By error type. https://docs.pydantic.dev/latest/errors/validation_errors/
_MESSAGES = {
    "missing": gettext_noop("This field is required."),
    "string_too_short": gettext_noop("Use at least %(min_length)s characters."),
    "string_too_long": gettext_noop("Use at most %(max_length)s characters."),
    "string_pattern_mismatch": gettext_noop("Enter a valid value."),
    "too_short": gettext_noop("Select at least %(min_length)s."),
    "too_long": gettext_noop("Select at most %(max_length)s."),
    "int_parsing": gettext_noop("Enter a whole number."),
    "int_from_float": gettext_noop("Enter a whole number."),
    "int_parsing_size": gettext_noop("Enter a smaller number."),
    "float_parsing": gettext_noop("Enter a number."),
    "finite_number": gettext_noop("Enter a number."),
    "decimal_parsing": gettext_noop("Enter a number."),
    "decimal_max_digits": gettext_noop("Use at most %(max_digits)s digits."),
    "decimal_max_places": gettext_noop("Use at most %(decimal_places)s decimal places."),
    "multiple_of": gettext_noop("Enter a multiple of %(multiple_of)s."),
    "decimal_whole_digits": gettext_noop("Use at most %(whole_digits)s digits before the decimal point."),
    "greater_than": gettext_noop("Enter a value greater than %(gt)s."),
    "greater_than_equal": gettext_noop("Enter %(ge)s or more."),
    "less_than": gettext_noop("Enter a value less than %(lt)s."),
    "less_than_equal": gettext_noop("Enter %(le)s or less."),
    "date_parsing": gettext_noop("Enter a valid date."),
    "date_from_datetime_parsing": gettext_noop("Enter a valid date."),
    "date_from_datetime_inexact": gettext_noop("Enter a valid date."),
    "date_past": gettext_noop("Enter a date in the past."),
    "date_future": gettext_noop("Enter a date in the future."),
    "datetime_parsing": gettext_noop("Enter a valid date and time."),
    "datetime_object_invalid": gettext_noop("Enter a valid date and time."),
    "datetime_past": gettext_noop("Enter a time in the past."),
    "datetime_future": gettext_noop("Enter a time in the future."),
    "datetime_from_date_parsing": gettext_noop("Enter a valid date and time."),
    "time_parsing": gettext_noop("Enter a valid time."),
    "time_delta_parsing": gettext_noop("Enter a duration like 1h 30m."),
    "uuid_parsing": gettext_noop("Enter a valid value."),
    "dict_type": gettext_noop("Enter a valid JSON object."),
    "bool_parsing": gettext_noop("Select one of the options."),
    "literal_error": gettext_noop("Select one of the options."),
    "enum": gettext_noop("Select one of the options."),
}
_RAISED = {"value_error", "assertion_error"}  # by validators, whose texts may be in the catalogs of features
_OF_VALIDATORS = (
    gettext_noop("Is a reserved word."),
    gettext_noop("Is out of range."),
    gettext_noop("Must be a duration such as 1h 30m."),
    gettext_noop("Must be a phone number with its country code, such as +43 660 1234567."),
    gettext_noop("Must be a URL such as https://example.com."),
    gettext_noop("Must be ASCII; encode other characters (punycode, percent-encoding)."),
    gettext_noop("Must be at most 1,000,000 days."),
    gettext_noop("Must be at most 50000 bytes."),
    gettext_noop("Must be one line, without control or invisible characters."),
    gettext_noop("Must not contain NaN or Infinity."),
    gettext_noop("Must not contain lone surrogates."),
    gettext_noop("Must not contain the NUL character."),
    gettext_noop("Must not have a time zone."),
)
"""The messages of the app's own validators (app/api/field_types.py and others), as sentences."""


def validation_message(error: ErrorDetails) -> str:
    """Return the message for a validation error.

    In other languages than English, a message of Pydantic that isn't listed above is a general one.
    """
    error_type, context = error["type"], error.get("ctx", {})
    if error["input"] is None or str(error["input"]).strip() == "":
        error_type = "missing"
    if error_type in _MESSAGES:
        message = gettext(_MESSAGES[error_type]) % context
    elif "email address" in error["msg"]:
        message = gettext("Enter a valid email address, such as ada@example.com.")
    else:
        text = error["msg"].removeprefix("Value error, ").replace("Input should", "This should")
        sentence = f"{text[:1].upper()}{text[1:].rstrip('.')}."
        message = gettext(sentence)
        if message == sentence and error_type not in _RAISED and current_locale() != SOURCE_LOCALE:
            message = gettext("Enter a valid value.")
    item = error["loc"][1:2]
    if item and isinstance(item[0], int):
        return gettext("Item %(number)s: %(message)s", number=item[0] + 1, message=message)
    return message
