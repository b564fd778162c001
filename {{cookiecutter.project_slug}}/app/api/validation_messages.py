"""What Pydantic finds wrong with what people entered, in plain words: it writes for programmers."""

from pydantic_core import ErrorDetails

# By the kind of the error. https://docs.pydantic.dev/latest/errors/validation_errors/
_PLAIN_WORDS = {
    "missing": "Please fill this in.",
    "string_too_short": "Please use at least {min_length} characters.",
    "string_too_long": "Please use at most {max_length} characters.",
    "string_pattern_mismatch": "Please check this: it does not have the right form.",
    "too_short": "Please give at least {min_length}.",
    "too_long": "Please give at most {max_length}.",
    "int_parsing": "Please enter a whole number.",
    "int_from_float": "Please enter a whole number.",
    "int_parsing_size": "Please enter a smaller number.",
    "float_parsing": "Please enter a number.",
    "finite_number": "Please enter a number.",
    "decimal_parsing": "Please enter a number.",
    "decimal_max_digits": "Please use at most {max_digits} digits.",
    "decimal_max_places": "Please use at most {decimal_places} digits behind the point.",
    "decimal_whole_digits": "Please use at most {whole_digits} digits before the point.",
    "greater_than": "Please enter more than {gt}.",
    "greater_than_equal": "Please enter {ge} or more.",
    "less_than": "Please enter less than {lt}.",
    "less_than_equal": "Please enter {le} or less.",
    "date_parsing": "Please enter a date.",
    "date_from_datetime_parsing": "Please enter a date.",
    "datetime_parsing": "Please enter a date and a time.",
    "datetime_from_date_parsing": "Please enter a date and a time.",
    "time_parsing": "Please enter a time.",
    "uuid_parsing": "Please check this: it does not have the right form.",
    "dict_type": "Please enter JSON in braces, its names in double quotes.",
    "bool_parsing": "Please choose one of the options.",
    "literal_error": "Please choose one of the options.",
    "enum": "Please choose one of the options.",
}


def validation_message(problem: ErrorDetails) -> str:
    """Return a sentence for the person who entered it."""
    kind, context = problem["type"], problem.get("ctx", {})
    if problem["input"] is None or str(problem["input"]).strip() == "":
        kind = "missing"
    if kind in _PLAIN_WORDS:
        sentence = _PLAIN_WORDS[kind].format(**context)
    elif "email address" in problem["msg"]:
        sentence = "Please enter an e-mail address, such as ada@example.com."
    else:
        message = problem["msg"].removeprefix("Value error, ").replace("Input should", "This should")
        sentence = f"{message[:1].upper()}{message[1:].rstrip('.')}."
    entry = problem["loc"][1:2]
    return f"Entry {entry[0] + 1}: {sentence}" if entry and isinstance(entry[0], int) else sentence
