"""Filters for the library's log: no user input, and no tracebacks for errors that a form explains."""

import logging

from app.admin.base.error_messages import is_expected_error

_PARSERS = {"parse_form_data", "parse_import_value"}


def filter_library_logs() -> None:
    """Drop the library's messages about invalid input; all its other warnings and errors are logged."""
    logging.getLogger("starlette_admin").setLevel(logging.WARNING)  # lower levels log searches and passwords
    logging.getLogger("starlette_admin.fields").addFilter(_is_not_invalid_input)
    logging.getLogger("starlette_admin.contrib.sqla.view").addFilter(_is_unexpected)


def _is_not_invalid_input(record: logging.LogRecord) -> bool:
    """Drop the message with the text of each form field or imported cell that can't be parsed: users see the error."""
    return record.funcName not in _PARSERS


def _is_unexpected(record: logging.LogRecord) -> bool:
    """Drop tracebacks of errors that a form explains, such as a taken title."""
    error = record.exc_info[1] if record.exc_info else None
    return error is None or not is_expected_error(error)
