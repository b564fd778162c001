"""How jobs are shown: names in words, states as badges, and JSON without secrets."""

import json
from collections.abc import Iterable
from typing import Any

from babel.numbers import format_percent
from fastapi import Request
from markupsafe import Markup
from starlette_admin import RequestAction
from starlette_admin.fields import BaseField, EnumField

from app.admin.base.labels import LABELS, choice_label
from app.admin.base.sensitive_columns import is_sensitive_name
from app.database.titles import label_of_name
from app.i18n import current_locale, gettext, gettext_noop
from app.jobs.definitions import JobDefinition
from app.jobs.models import Job, JobState

HTML = "fields/detail/text.html"
"""The library's template that shows a value, or HTML, as it is."""

STATES = [
    (JobState.PENDING, gettext_noop("Pending")),
    (JobState.RUNNING, gettext_noop("Running")),
    (JobState.SUCCEEDED, gettext_noop("Succeeded")),
    (JobState.FAILED, gettext_noop("Failed")),
    (JobState.CANCELED, gettext_noop("Canceled")),
]
_COLORS = {JobState.RUNNING: " bg-primary", JobState.FAILED: " bg-danger"}
_MASK = "•••"
_MAX_JSON_LENGTH = 20_000


def job_in_words(name: str) -> str:
    """Return the name of a job in words, in the language of the request."""
    return gettext(_words_of(name))


def label_jobs(jobs: Iterable[JobDefinition[...]]) -> None:
    """Add the names of jobs in words to the texts that can be translated, each to those of its feature."""
    for job in jobs:
        LABELS.setdefault(_words_of(job.name), job.function.__module__)


def _words_of(name: str) -> str:
    """Return "API keys: send all" for `api_keys.send_all`."""
    package, _, function = name.rpartition(".")
    return f"{label_of_name(package)}: {function.replace('_', ' ')}" if package else label_of_name(name)


def _in_words(request: Request, name: str) -> str:  # noqa: ARG001 - passed by the library
    return job_in_words(name)


IN_WORDS: dict[RequestAction, Any] = {RequestAction.LIST: _in_words, RequestAction.DETAIL: _in_words}
"""The `formatter` of a field with the name of a job."""


class JsonBlock(BaseField):
    """JSON as indented text, without the values of names that look secret. It isn't searched or filtered by either."""

    def __init__(self, name: str) -> None:
        super().__init__(name, detail_template=HTML, filters=[], searchable=False, orderable=False)

    async def parse_obj(self, request: Request, obj: Job) -> str | None:  # noqa: ARG002 - as in the library
        """Return HTML. Encrypted arguments are stored as `{"encrypted": …}`."""
        value = getattr(obj, self.name)
        if value is None:
            return None
        if self.name == "arguments" and {*value} == {"encrypted"}:
            return gettext("Encrypted")
        text = json.dumps(_without_secrets(value), indent=2, ensure_ascii=False)
        shown = text if len(text) <= _MAX_JSON_LENGTH else f"{text[:_MAX_JSON_LENGTH]}…"
        return Markup("<pre>{}</pre>").format(shown)


class StateField(EnumField):
    """The state as a badge, with the progress of a job that has not succeeded."""

    def __init__(self) -> None:
        super().__init__("state", choices=STATES, list_template=HTML, detail_template=HTML)

    async def parse_obj(self, request: Request, obj: Job) -> str:
        """Return the badge for lists and pages, and the value for files."""
        if request.state.action not in {RequestAction.LIST, RequestAction.DETAIL}:
            return obj.state
        label = choice_label(self, request, obj.state)
        badge = Markup('<span class="badge{}">{}</span>').format(_COLORS.get(obj.state, ""), label)
        if obj.state == JobState.SUCCEEDED or obj.progress is None:
            return badge
        percent = format_percent(int(obj.progress * 100) / 100, locale=current_locale())
        html = Markup('<div>{} {} <progress max="1" value="{}" aria-label="{}"></progress></div>')
        return html.format(badge, percent, obj.progress, gettext("Progress"))

    async def serialize_value(self, request: Request, value: str) -> str:  # noqa: ARG002
        """Return the value unchanged. The library would look for the badge in the choices."""
        return value


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _MASK if is_sensitive_name(name) and item is not None else _without_secrets(item)
        for name, item in value.items()
    }
