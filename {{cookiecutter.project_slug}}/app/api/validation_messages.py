"""User-friendly messages for Pydantic's validation errors."""

from pydantic_core import ErrorDetails

from app.i18n import gettext, gettext_noop

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
    "decimal_whole_digits": gettext_noop("Use at most %(whole_digits)s digits before the decimal point."),
    "greater_than": gettext_noop("Enter a value greater than %(gt)s."),
    "greater_than_equal": gettext_noop("Enter %(ge)s or more."),
    "less_than": gettext_noop("Enter a value less than %(lt)s."),
    "less_than_equal": gettext_noop("Enter %(le)s or less."),
    "date_parsing": gettext_noop("Enter a valid date."),
    "date_from_datetime_parsing": gettext_noop("Enter a valid date."),
    "datetime_parsing": gettext_noop("Enter a valid date and time."),
    "datetime_from_date_parsing": gettext_noop("Enter a valid date and time."),
    "time_parsing": gettext_noop("Enter a valid time."),
    "uuid_parsing": gettext_noop("Enter a valid value."),
    "dict_type": gettext_noop("Enter a valid JSON object."),
    "bool_parsing": gettext_noop("Select one of the options."),
    "literal_error": gettext_noop("Select one of the options."),
    "enum": gettext_noop("Select one of the options."),
}


def validation_message(error: ErrorDetails) -> str:
    """Return the message for a validation error."""
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
    item = error["loc"][1:2]
    if item and isinstance(item[0], int):
        return gettext("Item %(number)s: %(message)s", number=item[0] + 1, message=message)
    return message
