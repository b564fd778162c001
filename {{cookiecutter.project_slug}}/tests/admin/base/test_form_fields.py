"""Labels, hints and kinds of inputs of form fields."""

from typing import Any

import pytest
from pydantic import EmailStr, JsonValue
from sqlalchemy import Column, Integer, String
from starlette_admin.fields import BaseField, BooleanField, DateTimeField, StringField, TagsField

from app.admin.base.form_fields import complete_field
from app.admin.base.json_field import JsonField
from app.api.field_types import HttpUrlString, PhoneNumber, Slug
from app.api.schemas import Schema
from tests.sample.sample_notes.models import SampleNote


class PlantUpdate(Schema):
    """A schema with fields that need a hint."""

    slug: Slug
    phone: PhoneNumber | None = None
    site: HttpUrlString | None = None
    mail: EmailStr | None = None
    facts: dict[str, JsonValue] | None = None


@pytest.mark.parametrize(
    ("field", "hint", "kind"),
    [
        pytest.param(StringField("slug"), "Lowercase letters, digits and hyphens.", "text", id="slug"),
        pytest.param(StringField("phone"), "With the country code, such as +43 660 1234567.", "tel", id="phone"),
        pytest.param(StringField("site"), "Starts with https:// or http://.", "url", id="url"),
        pytest.param(StringField("mail"), None, "email", id="email"),
        pytest.param(DateTimeField("at"), "In UTC.", "datetime-local", id="time"),
        pytest.param(JsonField("facts"), 'A JSON object, for example {"size": 3}.', None, id="json"),
        pytest.param(TagsField("tags"), "Press Enter after each.", None, id="list"),
        pytest.param(StringField("size", help_text="In cm."), "In cm.", "text", id="own"),
    ],
)
def test_hint_and_kind_of_input_follow_from_the_schema(field: BaseField, hint: str | None, kind: str | None) -> None:
    complete_field(field, None, SampleNote, PlantUpdate)

    assert (field.help_text, getattr(field, "input_type", None)) == (hint, kind)


@pytest.mark.parametrize(
    ("field", "column", "optional"),
    [
        pytest.param(StringField("size", required=True), Column(String, nullable=False), False, id="required"),
        pytest.param(StringField("size"), Column(String, nullable=False, default=""), True, id="may-be-blank"),
        pytest.param(StringField("size"), Column(Integer, nullable=False, default=3), False, id="number-with-default"),
        pytest.param(StringField("size"), Column(Integer), True, id="nullable"),
        pytest.param(BooleanField("size"), Column(Integer), False, id="checkbox"),
    ],
)
def test_optional_fields_are_those_that_can_be_empty(field: BaseField, column: Column[int], *, optional: bool) -> None:
    complete_field(field, column, SampleNote, None)

    assert (field.extra or {})["optional"] is optional


@pytest.mark.parametrize(
    "own",
    [{"list_template": "own.html"}, {"detail_template": "own.html"}, {"output_format": "%Y"}],
    ids=["list", "detail", "format"],
)
def test_template_and_format_of_a_view_are_kept(own: dict[str, Any]) -> None:
    field, default = DateTimeField("at", **own), DateTimeField("at", **own)

    complete_field(field, None, SampleNote, None)

    assert (field.list_template, field.detail_template) == (default.list_template, default.detail_template)


def test_label_is_written_in_words_unless_the_view_has_one() -> None:
    fields = [StringField("isbn"), StringField("paid_at"), StringField("isbn", "Number")]
    for field in fields:
        complete_field(field, None, SampleNote, None)

    assert [field.label for field in fields] == ["ISBN", "Paid at", "Number"]
