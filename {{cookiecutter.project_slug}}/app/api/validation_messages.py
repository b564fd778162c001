"""User-friendly messages for Pydantic's validation errors."""

from pydantic_core import ErrorDetails

# By error type. https://docs.pydantic.dev/latest/errors/validation_errors/
_MESSAGES = {
    "missing": "This field is required.",
    "string_too_short": "Use at least {min_length} characters.",
    "string_too_long": "Use at most {max_length} characters.",
    "string_pattern_mismatch": "Enter a valid value.",
    "too_short": "Select at least {min_length}.",
    "too_long": "Select at most {max_length}.",
    "int_parsing": "Enter a whole number.",
    "int_from_float": "Enter a whole number.",
    "int_parsing_size": "Enter a smaller number.",
    "float_parsing": "Enter a number.",
    "finite_number": "Enter a number.",
    "decimal_parsing": "Enter a number.",
    "decimal_max_digits": "Use at most {max_digits} digits.",
    "decimal_max_places": "Use at most {decimal_places} decimal places.",
    "decimal_whole_digits": "Use at most {whole_digits} digits before the decimal point.",
    "greater_than": "Enter a value greater than {gt}.",
    "greater_than_equal": "Enter {ge} or more.",
    "less_than": "Enter a value less than {lt}.",
    "less_than_equal": "Enter {le} or less.",
    "date_parsing": "Enter a valid date.",
    "date_from_datetime_parsing": "Enter a valid date.",
    "datetime_parsing": "Enter a valid date and time.",
    "datetime_from_date_parsing": "Enter a valid date and time.",
    "time_parsing": "Enter a valid time.",
    "uuid_parsing": "Enter a valid value.",
    "dict_type": "Enter a valid JSON object.",
    "bool_parsing": "Select one of the options.",
    "literal_error": "Select one of the options.",
    "enum": "Select one of the options.",
}


def validation_message(error: ErrorDetails) -> str:
    """Return the message for a validation error."""
    error_type, context = error["type"], error.get("ctx", {})
    if error["input"] is None or str(error["input"]).strip() == "":
        error_type = "missing"
    if error_type in _MESSAGES:
        message = _MESSAGES[error_type].format(**context)
    elif "email address" in error["msg"]:
        message = "Enter a valid email address, such as ada@example.com."
    else:
        text = error["msg"].removeprefix("Value error, ").replace("Input should", "This should")
        message = f"{text[:1].upper()}{text[1:].rstrip('.')}."
    item = error["loc"][1:2]
    return f"Item {item[0] + 1}: {message}" if item and isinstance(item[0], int) else message
