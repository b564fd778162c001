"""Arguments of `app new resource`: what they mean, and the messages for invalid ones."""

from itertools import product
from typing import Any

import pytest

pytest.importorskip("scaffold", reason="an image has no tools")

from scaffold.access import OWNED, PRESETS, Access
from scaffold.errors import ScaffoldError
from scaffold.field_spec import Target
from scaffold.grammar import parse_resource
from scaffold.names import NAME_MARK
from scaffold.resource import Resource

TARGETS = {
    "Author": Target("Author", "authors", PRESETS["owned"]),
    "Genre": Target("Genre", "genres", PRESETS["shared"]),
    "Department": Target("Department", "departments", PRESETS["admin"]),
    "Post": Target("Post", "posts", PRESETS["published"]),
    "Sale": Target("Sale", "sales", PRESETS["shared"], deleted_with_users=True),
    "Shelf": Target("Shelf", "shelves", PRESETS["owned"], refers_to=frozenset({"books"})),
}


def parse(line: str, **options: Any) -> Resource:
    """Read a command line after `app new resource`."""
    name, *fields = line.split(" ")
    return parse_resource(name, fields, TARGETS.get, **options)


def errors_in(line: str, **options: Any) -> list[str]:
    """Return the error messages for a command line."""
    with pytest.raises(ScaffoldError) as error:
        parse(line, **options)
    return error.value.messages


def test_resource_has_all_forms_of_its_name() -> None:
    resource = parse("BookReview title:str")

    assert (resource.snake, resource.plural, resource.path) == ("book_review", "book_reviews", "book-reviews")
    assert (resource.words, resource.label, resource.labels) == ("book review", "Book review", "Book reviews")
    assert (resource.access, resource.a) == (OWNED, "a")


def test_field_has_type_arguments_and_modifiers() -> None:
    title, price, author, genres = parse(
        "Book title:str=200:unique:search price:decimal=10,2:optional author:ref=Author genres:many=Genre"
    ).fields

    assert (title.length, title.unique, title.search, title.required) == (200, True, True, True)
    assert (price.digits, price.decimal_places, price.optional, price.annotation) == (10, 2, True, "Decimal | None")
    assert (author.column, author.target.name, author.target.access) == ("author_id", "Author", OWNED)
    assert (genres.column, genres.required) == ("genre_ids", False)


def test_file_is_set_by_the_server() -> None:
    photo, contract = parse("Book photo:image:max=500KB contract:file:types=pdf,docx title:str").fields[:2]

    assert (photo.column, photo.annotation, photo.readonly) == ("photo_id", "UUID | None", True)
    assert "max_bytes=500_000, types=IMAGES" in photo.file_rules
    assert contract.file_rules == 'FileRules(max_bytes=20_000_000, types=types_of("pdf", "docx"))'


def test_long_decimal_has_the_range_of_a_64_bit_integer() -> None:
    short, long, longest = parse("Book a:decimal=15,2 b:decimal=18,2 c:decimal=19,4:min=0").fields

    assert [field.field_type.column_of(field) for field in (short, long, longest)] == [
        "Numeric(15, 2)",
        "ExactNumeric(18, 2)",
        "ExactNumeric(19, 4)",
    ]
    assert "ge=" not in long.check
    assert 'ge=Decimal("0"), le=Decimal("922337203685477.5807")' in longest.check


def test_optional_field_can_have_a_default() -> None:
    (pages,) = parse("Book pages:int:optional:default=3").fields

    assert (pages.schema, pages.create_default, pages.json_default) == ("Pages | None", " = 3", "3")


def test_server_sets_readonly_fields() -> None:
    book = parse("Book code:str:optional:readonly title:str sold:int:default=0:readonly")

    assert [field.name for field in book.input_fields] == ["title"]
    assert [field.name for field in book.readonly_fields] == ["code", "sold"]
    assert book.title_field == book.fields[1]


def test_reference_target_defaults_to_the_field_name() -> None:
    assert parse("Book author:ref").fields[0].target.name == "Author"


def test_reference_back_is_imported_and_checked_later() -> None:
    (title, shelf, others) = (resource := parse("Book title:str shelf:ref=Shelf:optional others:many=Shelf")).fields

    assert [field.is_circular for field in (title, shelf, others)] == [False, True, True]
    assert shelf.mapped_column == ' = mapped_column(ForeignKey("shelves.id", use_alter=True))'
    assert resource.needed_targets == []
    assert [target.name for target in resource.circular_targets] == ["Shelf"]


def test_self_reference_has_the_title_of_its_own_resource() -> None:
    (_, parent) = parse("Category name:str parent:ref=Category:optional").fields

    assert parent.is_self
    assert parent.target.title_field
    assert parent.target.title_field.name == "name"


@pytest.mark.parametrize(
    ("modifiers", "on_delete"),
    [("", "cascade"), (":optional", "null"), (":optional:on_delete=cascade", "cascade"), (":unique", "cascade")],
)
def test_reference_to_a_user_does_not_prevent_account_deletion(modifiers: str, on_delete: str) -> None:
    (buyer, members) = parse(f"Sale buyer:ref=User{modifiers} members:many=User").fields

    assert (buyer.column, buyer.target.models, buyer.on_delete) == ("buyer_id", "app.accounts.models", on_delete)
    assert (members.column, members.target.service) == ("member_ids", "app.accounts.users")


def test_reference_to_a_resource_prevents_its_deletion() -> None:
    (author,) = parse("Book author:ref=Author").fields

    assert author.on_delete == "restrict"


def test_all_errors_are_reported_together() -> None:
    messages = errors_in("books title:strr isbn:str=13:uniqe status:enum=draft pages", access="ownd")

    assert len(messages) == 6
    assert any("CamelCase like Book," in message for message in messages)
    for hint in ("did you mean str?", "did you mean unique?", "did you mean owned?", "enum=draft,live", "pages:str"):
        assert any(hint in message for message in messages), hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("Books title:str", "use Book, or set --plural books"),
        ("User name:str", "the accounts package already has a class with this name"),
        ("Warning title:str", "Python already has a class with this name"),
        ("Doc title:str", "/docs is a reserved URL"),
        ("Book", "needs at least one field"),
        ("Book body:text:unique", "use str=500"),
        ("Book state:str:default=don't", "in the code"),
        ("Book body:text:index:max=501", "use str=500"),
        ("Book Title:str", "snake_case like title"),
        ("Book class:str", "reserved word in Python"),
        ("Book list:str", "reserved word in Python"),
        ("Book version:int", "every resource already has the field version"),
        ("Book json:text", "use json_text"),
        ("Book model_dump:str", "use model_dump_text"),
        ("Book str_:str", "snake_case like str_text"),
        ("Book returning:date", "reserved word in SQL"),
        ("Book xmin:float", "reserved word in SQL"),
        ("Book unset:str", "reserved word in Python"),
        ("Book property:ref=Author", "reserved word in Python"),
        ("Book isbn:str:unique unique_isbn:str", "duplicate field unique_isbn"),
        ("Book metadata:json", "metadata is a reserved name"),
        ("Book limit:int:index", "rename the field"),
        ("Book title:str title:text", "duplicate field title"),
        ("Book author:ref author_id:uuid", "duplicate field author_id"),
        ("Book title:str=0", "the length must be a number"),
        ("Book title:str=20:max=10", "str=10"),
        ("Book title:str=501:unique", "at most str=500"),
        ("Book body:text:index:unique", "remove index"),
        ("Book on:bool:unique", "bool doesn't support unique"),
        ("Book on:bool=3", "bool doesn't take an argument"),
        ("Book on:bool:default=yes", "true or false"),
        ("Book body:text:optional:default=", "forms can't tell empty from null"),
        ("Book on:bool:optional=1", "optional doesn't take a value"),
        ("Book on:bool:optional:optional", "duplicate modifier optional"),
        ("Book n:int:min=5:max=1", "leave no valid value"),
        ("Book t:str p:image:max=5", "p:image:max=5: max=5 is not a size such as 500KB or 20MB"),
        ("Book t:str p:file:types=exe", "p:file:types=exe: types=exe: use csv, docx"),
        ("Book t:str p:file:types=pdf,png", "types=png: use csv, docx"),
        ("Book t:str p:image:types=png", "image doesn't support types; supported modifiers: max"),
        ("Book t:str p:image:optional", "image doesn't support optional; supported modifiers: max"),
        ("Book p:image", "all fields are readonly: add one that requests contain"),
        ("Book n:int:min=a", "not a valid number"),
        ("Book n:int:max=3000000000", "not a valid number for this type"),
        ("Book n:int:min=", "min needs a value"),
        ("Book n:int:default=7:max=5", "must be an integer from -2147483648 to 5"),
        ("Book n:int:unique:min=1:max=5", "a range of at least 100 values"),
        ("Book p:decimal=2,3", "scale 3 is greater than precision 2"),
        ("Book p:decimal=2", "specify precision and scale"),
        ("Book p:decimal=20,2", "at most 19 digits"),
        ("Book p:decimal=16,2:default=1.5", "the default can only be 0"),
        ("Book p:decimal=16,2:min=1", "min and max can only be 0"),
        ("Book p:decimal=19,4:max=922337203685477.5808", "not a valid number for this type"),
        ("Book p:decimal=4,2:default=1.234", "between min and max"),
        ("Book t:duration:min=90", "min=90 is not a duration such as 1h30m"),
        ("Book t:duration:max=PT1H", "max=PT1H is not a duration such as 1h30m"),
        ("Book t:duration:min=2h:max=1h", "max must be at least 1s more than min"),
        ("Book t:duration:unique:min=1m:max=2m", "max must be at least 100s more than min"),
        ("Book t:duration:default=2h:max=1h", "must be a duration such as 1h30m, between min and max"),
        ("Book t:duration:default=soon", "must be a duration such as 1h30m"),
        ("Book s:enum=a,a", "duplicate value"),
        ("Book s:enum=in-stock,In_stock", "in-stock and In_stock are shown as the same text"),
        ("Book s:enum=a", "at least two values"),
        ("Book s:enum=a,", "of 1 to 40 characters"),
        ('Book s:enum=a,5"', "without double quotes"),
        ("Book s:enum=a,b:default=c", "one of a, b"),
        ("Book d:date:default=tomorrow", "2026-01-31"),
        ("Book a:str:title b:str:title", "a and b are both marked as title"),
        ("Book a:ref=Author:title", "ref doesn't support title"),
        ("Book t:str n:int:readonly", "n:int:readonly: a new row needs a value until your code sets one: add optional"),
        ("Book t:str n:int:optional:readonly:unique", "readonly and unique can't be combined"),
        ("Book n:str:optional:readonly:title", "readonly and title can't be combined"),
        ("Book t:str s:slug:from=t:readonly", "readonly and from=t can't be combined"),
        ("Book author:ref:readonly", "ref doesn't support readonly"),
        ("Book n:int:default=0:readonly", "all fields are readonly: add one that requests contain"),
        ("Book t:list=float", "a list contains str or int"),
        ("Book t:list:default=a", "an empty list"),
        ("Book a:ref=Nobody", "app new resource Nobody"),
        ("Book reader:ref=User:on_delete=restrict", "users can delete their accounts: use on_delete=cascade"),
        ("Book reader:ref=User:on_delete=null", "requires optional"),
        ("Book sale:ref=Sale", "sales are deleted with the users they refer to: use on_delete=cascade"),
        ("Book a:ref=author", "specify one resource"),
        ("Book a:ref=Author:on_delete=null", "requires optional"),
        ("Book a:ref=Author:on_delete=nul", "did you mean null?"),
        ("Book a:ref=Shelf", "one reference of a circle must be optional"),
        ("Book a:ref=Department", "--access admin"),
        ("Node parent:ref=Node", "must be optional"),
        ("Book genres:many=Genre:unique", "many doesn't support unique"),
        ("Book slug:slug=19", "from 20 to 500"),
        ("Book slug:slug=501:unique", "from 20 to 500"),
        ("Book slug:slug=a", "for example slug=220"),
        ("Book slug:slug:default=" + "a" * 101, "a slug consists of"),
        ("Book title:str slug:slug:from=title:unique", "remove unique"),
        ("Book title:str slug:slug:from=title:optional", "remove optional"),
        ("Book title:str slug:slug:from=title:default=a", "remove default=…"),
        ("Book title:str slug:slug:from=titel", "did you mean title?"),
        ("Book slug:slug:from=title", "add one, for example title:str=200"),
        ("Book slug:slug:from=slug title:str", "title"),
        ("Book title:str=9 slug:slug:from=title", "use str=10"),
        ("Book t:str:optional:readonly slug:slug:from=t n:int", "a readonly field has no value yet"),
        ("Book title:str:from=name", "str doesn't support from"),
        ("Book isbn:str:globally", "unique:globally"),
        ("Book on:bool:globally", "bool doesn't support globally"),
        ("LongResourceNameThatSomeoneHasWritten a_field_with_a_name_that_is_long:many=Genre", "shorten the name"),
    ],
)
def test_error_suggests_a_fix(line: str, hint: str) -> None:
    messages = errors_in(line)

    assert any(hint in message for message in messages), messages


def test_fields_are_unique_together() -> None:
    issue = parse("Issue author:ref=Author number:int:unique day:date place:str", unique=["author,day", "day,place"])

    assert [item.name for item in issue.uniques] == ["number", "author_day", "day_place"]
    assert [item.columns for item in issue.tested_groups] == [["author_id", "day"], ["day", "place"]]
    assert [item.repeated for item in issue.tested_groups] == [["day"], ["place"]]
    assert issue.uniques[1].words == "author and day"


@pytest.mark.parametrize(
    ("unique", "hint"),
    [
        (["name"], "name at least two different fields"),
        (["name,name"], "name at least two different fields"),
        (["name,nam"], "nam is not a field: did you mean name?"),
        (["name,author_id"], "author_id is not a field: did you mean author?"),
        (["name,code"], "code is already unique on its own"),
        (["name,tags"], "the type list can't be unique"),
        (["name,sold"], "sold is readonly: requests don't contain it"),
        (["name,body"], "too long for an index in PostgreSQL"),
        (["on,state"], "too few values"),
        (["on,author", "author,on"], "is given twice"),
        (["on,author", "author,on,name"], "already unique together"),
        (["on,author", "on_author,name", "on,author_name"], "unique_on_author_name is already the name"),
    ],
)
def test_wrong_combination_is_reported(unique: list[str], hint: str) -> None:
    fields = (
        "Book name:str code:str=9:unique tags:list body:text on:bool state:enum=a,b author:ref"
        " on_author:int author_name:str a_field_with_a_name_that_is_quite_long:int"
        " sold:int:default=0:readonly"
    )

    messages = errors_in(fields, unique=unique)

    assert len(messages) == 1
    assert messages[0].startswith(f"--unique {unique[-1]}")
    assert hint in messages[0]


def test_combination_of_a_field_with_errors_is_not_reported() -> None:
    assert len(errors_in("Book name:strr author:ref", unique=["name,author"])) == 1


EVENT = (
    "Event starts_at:datetime ends_at:datetime:optional day:date price:decimal=8,2 cost:decimal=6,3:default=1"
    " seats:int:min=1:max=5 taken:int:default=0:min=0:max=5 name:str opens:time home:ref=Author away:ref=Author"
    " genre:ref=Genre limit_value:int:min=6 sold:int:default=0:readonly"
)


def test_comparisons_have_a_constraint_and_a_message() -> None:
    checks = [
        "ends_at > starts_at",
        "price<=cost",
        "price != 0.5",
        "day > 2000-01-01",
        "opens >= 08:30",
        "home != away",
    ]

    event = parse(EVENT, checks=checks)

    assert [item.name for item in event.comparisons] == [
        "ends_at_gt_starts_at",
        "price_le_cost",
        "price_ne_0_5",
        "day_gt_2000_01_01",
        "opens_ge_08_30_00",
        "home_id_ne_away_id",
    ]
    assert [item.operand for item in event.comparisons[2:]] == [
        'Decimal("0.5")',
        "dt.date(2000, 1, 1)",
        "dt.time(8, 30)",
        '"away_id"',
    ]
    assert [item.message for item in event.comparisons[:3]] == [
        "Must be later than “Starts at”",
        "Must not be greater than “Cost”",
        "Must differ from 0.5",
    ]


@pytest.mark.parametrize(
    ("field", "column"), [("related", "related_id"), ("others", "other_id"), ("nodes", "other_node_id")]
)
def test_association_with_the_same_resource_has_two_columns(field: str, column: str) -> None:
    (many,) = parse(f"Node {field}:many=Node").fields

    assert (many.is_self, many.far_column) == (True, column)


@pytest.mark.parametrize(
    "checks",
    [
        ["ends_at > starts_at"],
        ["taken < seats"],
        ["taken <= seats", "opens > 07:00"],
        ["cost < price", "price != 2"],
        ["seats != taken"],
        ["seats > 2"],
        ["opens < 00:30"],
        ["taken < seats", "price > cost"],
        ["taken != seats", "price != cost", "home != away"],
    ],
)
def test_values_of_tests_meet_the_comparisons(checks: list[str]) -> None:
    event = parse(EVENT, checks=checks)

    for item in event.comparisons:
        for left, right in product(item.field.limits or (), item.other.limits or () if item.other else [item.value]):
            assert right is not None
            assert item.is_met(left, right)
    assert len(event.violations) == len([item for item in event.comparisons if item.field.type != "ref"])


@pytest.mark.parametrize(
    ("checks", "hint"),
    [
        (["ends_at"], "compare a field with another one"),
        (["ends_at == starts_at"], "compare a field with another one"),
        (["0 < price"], "compare a field with another one"),
        (["price > cost; drop table"], "compare a field with another one"),
        (["end_at > starts_at"], "end_at is not a field: did you mean ends_at?"),
        (["ends_at > start_at"], "start_at is not a field: did you mean starts_at?"),
        (["ends_at > ends_at"], "two different fields"),
        (["ends_at > day"], "a date can't be compared with a datetime"),
        (["ends_at > 2026-01-31"], "a field of the same type"),
        (["day > 2026-02-30"], "a date such as 2026-01-31"),
        (["opens < 25:00"], "a time such as 08:30"),
        (["price > 08:30"], "a number such as 10"),
        (["price >= 1"], "use the modifier min: price:decimal:min=1"),
        (["price <= 1"], "use the modifier max: price:decimal:max=1"),
        (["name != starts_at"], "name is a str, which can't be compared"),
        (["home > away"], "home != away"),
        (["home != genre"], "home != away"),
        (["sold < seats"], "sold is readonly: requests don't contain it"),
        (["price > cost", "cost < price"], "it is given twice"),
        (["price > cost", "cost > price"], "no values of cost and price meet all comparisons"),
        (["taken != 0"], "the default of taken violates"),
        (["seats > 4"], "too few values of seats"),
        (["seats < limit_value"], "is always met"),
    ],
)
def test_wrong_comparison_is_reported(checks: list[str], hint: str) -> None:
    (message,) = errors_in(EVENT, checks=checks)

    assert message.startswith("--check")
    assert hint in message


@pytest.mark.parametrize(
    ("line", "by", "hint"),
    [
        ("Book title:str", "slug", "slug:slug:unique"),
        ("Book title:str:unique slug:slug", "title", "choose from slug"),
        ("Book slug:slug", "slug", "add unique"),
        ("Book slug:slug:unique:optional", "slug", "remove optional"),
        ("Book slug:slug:optional", "slug", "add unique and remove optional"),
    ],
)
def test_slug_in_urls_must_identify_one_row(line: str, by: str, hint: str) -> None:
    (message,) = errors_in(line, by=by)

    assert hint in message


def test_slug_in_urls_that_others_read_is_unique_globally() -> None:
    (message,) = errors_in("Book title:str slug:slug:from=title", by="slug", access="published")

    assert message == "--by slug must identify one row: add globally"
    assert parse("Book title:str slug:slug:from=title:globally", by="slug", access="published").by == "slug"


def test_slug_is_made_from_another_field() -> None:
    resource = parse("Book slug:slug=50:from=title title:str", by="slug")
    slug, title = resource.fields

    assert (slug.length, slug.unique, slug.required, slug.source) == (50, True, False, "title")
    assert resource.title_field == title
    assert (resource.key, resource.key_param) == ("slug", "book_slug")


def test_unique_value_of_rows_without_owner_is_unique_globally() -> None:
    assert any("remove globally" in message for message in errors_in("Book isbn:str:unique:globally", access="shared"))


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ("at:date name:str:optional", "name"),
        ("nick:str:optional name:str", "nick"),
        ("at:date about:text:optional name:str", "about"),
        ("nick:str:optional name:str:title", "name"),
        ("name:str number:int:title", "number"),
        ("at:date number:int", None),
    ],
)
def test_title_is_the_marked_field_or_the_first_text(fields: str, title: str | None) -> None:
    field = parse(f"Artist {fields}").title_field

    assert (field and field.name) == title


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ("draft,in-review,x_y", "DRAFT IN_REVIEW X_Y"),
        ("A+,A-,A", "A_PLUS A_MINUS A"),
        ("in/stock,sold.out,don't", "IN_STOCK SOLD_OUT DON_T"),
        (".5,5,<5,0.5", "VALUE_5 VALUE_5_2 BELOW_5 VALUE_0_5"),
        ("a_3,a!,a?", "A_3 A A_3_3"),
        ("Zürich,東京,-,none", "ZURICH VALUE_2 MINUS NONE"),
    ],
)
def test_enum_members_have_distinct_names(values: str, names: str) -> None:
    members = parse(f"Book state:enum={values}").fields[0].members

    assert members == [*zip(names.split(), values.split(","), strict=True)]


@pytest.mark.parametrize(("field", "type_"), [("update:enum=a,b", "BookUpdateValue"), ("state:enum=a,b", "BookState")])
def test_enum_class_shadows_no_class_of_the_resource(field: str, type_: str) -> None:
    assert parse(f"Book {field}").fields[0].enum_name.replace(NAME_MARK, "") == type_


@pytest.mark.parametrize(
    ("field", "type_"), [("warning:str", "WarningValue"), ("field:str", "FieldValue"), ("name:str", "Name")]
)
def test_field_type_alias_shadows_no_imported_name(field: str, type_: str) -> None:
    assert parse(f"Book {field}").fields[0].alias == type_


def test_field_name_may_start_with_model() -> None:
    assert [field.column for field in parse("Car model_number:str model_year:int").fields] == [
        "model_number",
        "model_year",
    ]


@pytest.mark.parametrize(
    ("name", "variable", "plural_variable"),
    [
        ("Page", "page_", "pages"),
        ("Class", "class_", "classes"),
        ("Type", "type_", "types"),
        ("Datum", "datum", "data_"),
        ("Staff", "staff", "staff_list"),
    ],
)
def test_variable_shadows_no_reserved_name(name: str, variable: str, plural_variable: str) -> None:
    names = parse(f"{name} title:str")

    assert (names.variable, names.plural_variable) == (variable, plural_variable)


@pytest.mark.parametrize(
    ("name", "key"),
    [("HTTPRequest", "http-request"), ("BookReview", "book-review"), ("Event", "events"), ("Session", "sessions")],
)
def test_admin_key_is_unique(name: str, key: str) -> None:
    assert parse(f"{name} title:str").admin_key == key


@pytest.mark.parametrize(
    ("fields", "access"),
    [
        ("a:ref=Author", "shared"),
        ("a:ref=Post", "owned"),
        ("a:ref=Post", "published"),
        ("above:ref=Book:optional", "published"),
    ],
)
def test_reference_to_rows_that_are_deleted_with_another_user_requires_on_delete(fields: str, access: str) -> None:
    assert any("on_delete=cascade" in message for message in errors_in(f"Book {fields}", access=access))
    assert parse(f"Book {fields}:on_delete=cascade", access=access)


def test_reference_to_own_rows_may_restrict() -> None:
    assert parse("Book a:ref=Author above:ref=Book:optional")
    assert parse("Book a:ref=Author", access="published")


@pytest.mark.parametrize(
    ("options", "access"),
    [
        ({}, OWNED),
        ({"read": "everyone"}, PRESETS["published"]),
        ({"read": "everyone", "write": "editors"}, PRESETS["public"]),
        ({"read": "members", "write": "members"}, PRESETS["shared"]),
        ({"read": "admins", "write": "admins"}, PRESETS["admin"]),
        ({"read": "members", "write": "admins"}, Access("members", "admins")),
    ],
)
def test_access_is_a_preset_or_readers_and_writers(options: dict[str, str], access: Access) -> None:
    assert parse("Book title:str", **options).access == access


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"access": "ownd"}, "--access ownd: did you mean owned?"),
        ({"read": "member"}, "--read member: did you mean members?"),
        ({"write": "everyone"}, "--write everyone: choose from owner, members, editors, admins"),
        ({"access": "shared", "write": "admins"}, "--access is short for --read and --write"),
        ({"write": "members"}, "use --read members or --read everyone"),
        ({"read": "admins"}, "use --write admins"),
        ({"read": "admins", "write": "editors"}, "use --write admins"),
    ],
)
def test_wrong_access_suggests_a_fix(options: dict[str, str], hint: str) -> None:
    (message,) = errors_in("Book title:str", **options)

    assert hint in message


def test_slug_in_urls_that_others_read_is_unique_for_all() -> None:
    line = "Post title:str=200 slug:slug=220:from=title"

    assert errors_in(line, by="slug", access="published") == ["--by slug must identify one row: add globally"]
    assert parse(f"{line}:globally", by="slug", access="published")


def test_only_admins_may_refer_to_rows_of_admins() -> None:
    assert any("--write admins" in message for message in errors_in("Book a:ref=Department", access="public"))
    assert parse("Book a:ref=Department", read="members", write="admins")


def test_rows_that_others_read_have_indexes_without_the_owner() -> None:
    line = "Post code:str:unique state:enum=a,b"

    assert parse(line).indexes == [("owner_id", "id"), ("owner_id", "state", "id")]
    assert parse(line, access="published").indexes == [("owner_id", "id"), ("code", "id"), ("state", "id")]


@pytest.mark.parametrize("name", ["Staff", "News", "Series", "Species", "Sheep", "Equipment", "DeliveryStaff"])
def test_uncountable_name_is_its_own_plural(name: str) -> None:
    names = parse(f"{name} title:str")

    assert names.plural == names.snake


@pytest.mark.parametrize("name", ["Books", "Data", "Settings", "Docs", "Physics", "Dns"])
def test_suggested_plural_is_accepted(name: str) -> None:
    (message,) = errors_in(f"{name} title:str")
    suggested = message.rpartition("set --plural ")[2]

    assert parse(f"{name} title:str", plural_given=suggested).plural == suggested


@pytest.mark.parametrize("plural", ["Sheeps", "admin", "lambda", "2"])
def test_invalid_plural_is_rejected(plural: str) -> None:
    assert errors_in("Sheep wool:int", plural_given=plural)
