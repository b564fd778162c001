"""User-friendly messages for Pydantic's validation errors."""

from pydantic_core import ErrorDetails

# By the kind of the error. https://docs.pydantic.dev/latest/errors/validation_errors/
_PLAIN_WORDS = {
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


def validation_message(problem: ErrorDetails) -> str:
    """Return the message for a validation error."""
    kind, context = problem["type"], problem.get("ctx", {})
    if problem["input"] is None or str(problem["input"]).strip() == "":
        kind = "missing"
    if kind in _PLAIN_WORDS:
        sentence = _PLAIN_WORDS[kind].format(**context)
    elif "email address" in problem["msg"]:
        sentence = "Enter a valid email address, such as ada@example.com."
    else:
        message = problem["msg"].removeprefix("Value error, ").replace("Input should", "This should")
        sentence = f"{message[:1].upper()}{message[1:].rstrip('.')}."
    entry = problem["loc"][1:2]
    return f"Item {entry[0] + 1}: {sentence}" if entry and isinstance(entry[0], int) else sentence
