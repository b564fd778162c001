"""Resources that the generator accepts are valid code: ruff, Python and pytest accept it.

tests/test_fuzz.py copies this file into a generated project, and runs it there.
"""

import ast
import builtins
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from app.main import create_app
from app.settings.config import load_settings
from fastapi.routing import APIRoute, iter_route_contexts
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment, nodes
from scaffold.access import OWNED, PRESETS
from scaffold.errors import ScaffoldError
from scaffold.field_spec import Target
from scaffold.grammar import parse_fields, parse_resource
from scaffold.names import RESERVED_VARIABLES, Names
from scaffold.project import Project
from scaffold.rendering import render_resource
from scaffold.resource import Resource
from scaffold.staging import staging_area
from sqlalchemy.dialects import sqlite

PROJECT = Project()


def words_of(text: str) -> list[str]:
    """Split a text into its words."""
    return text.split()


COMMON_NAMES = words_of("""
    Status Type Page Event Mail Account Session Datum Permission Model Class List Index
    Feature Table Text Record View Form Field Query Request Response Schema Scope Select Row
    Column Decimal Base Option Choice Value Version Service Context Error Notice Router
    Search Site Property Object Name Module Export Offer Test TestCase HTTPRequest Entry
    Path Visitor Browser Annotated UUID Matrix Staff News Series Equipment Self Import Print
    Html UrlPath2 Axis Vertex Cactus Curriculum
""")
"""Common names of resources; most are also a class, a function or a variable of generated code."""


RESERVED = ("User", "Role", "Warning", "Doc", "Books", "news")
FIELDS = words_of("""
    title name select order group from_ where table index key desc value type status date
    time query page path form field data items loop row related options href style script
    input label html test test_case fixture request mark httpx url xml a1 x2y email kind
    state user session scope error update create list_name dep warning caller changes pk none
    model_name titles copy_of schema_of data_of type_of self_name print import_of view
""")
TYPES = words_of("""
    str str=10:unique text:optional int:index decimal=10,2 bool:default=true date:optional
    uuid:unique enum=draft,live enum=a,b:optional list=str json:optional slug:unique url
    email str:search:title time:optional datetime ref=Zebra:optional many=Zebra
    str=40:optional:title float:default=1.5 duration:min=0s:default=1h
""")
CODE = ("app", "migrations", "tests")
SQLITE_KEYWORDS = words_of("""
    action after always analyze autoincrement before conflict current database do each end
    exclude exclusive explain fail filter first following generated glob groups ignore index
    indexed instead key last match materialized no nothing notnull nulls offset others over
    partition plan pragma preceding query range recursive regexp release replace returning
    row rows savepoint temp ties transaction trigger unbounded vacuum values view virtual
    window without order group table column select where limit default check to set using
""")
"""Keywords of https://sqlite.org/lang_keywords.html."""
ALL_TYPES = words_of("""
    str:search str:unique text:search:optional slug int:index int:optional bigint float
    decimal=10,2 bool:default=true enum=a,b enum=a,b:optional date datetime time uuid:unique
    duration list=str list=int:optional json url email ref=Note ref=Note:optional:on_delete=null
    ref=Note:unique ref=Wide:optional many=Note
""")
SIZES = st.sampled_from([1, 3, 6, 30, 60])


@st.composite
def resources(draw: st.DrawFn) -> list[tuple[str, list[str], str]]:
    """Draw arguments of `app new resource`: names, fields and accesses."""
    parts = st.sampled_from([*COMMON_NAMES, "SQL", "API", "Py3", "X2", "JSON", "Http", "Test"])
    found = []
    for _ in range(8):
        name = "".join(draw(st.lists(parts, min_size=1, max_size=2)))[:30]
        names = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=6, unique=True))
        fields = [f"{field}:{draw(st.sampled_from(TYPES))}" for field in names]
        fields += [f"more{number}:int:optional" for number in range(draw(SIZES))]
        found.append((name, fields, draw(st.sampled_from([*PRESETS]))))
    return found


SIMILAR_NAMES = [
    ("Todo", ["title:str", "list_in:ref=TodoList", "lists:many=TodoList"], "TodoList"),
    ("Book", ["title:str", "review:enum=good,bad", "reviews:many=BookReview"], "BookReview"),
    (
        "Fact",
        ["title:str", "create:ref=FactCreate", "update:enum=a,b", "dep:enum=a,b"],
        "FactCreate",
    ),
]
"""Resources that refer to one whose name is also that of a class of the first."""
COMMON_RESOURCES = [(name, ["title:str", "number:int:optional"], "owned") for name in COMMON_NAMES]
WIDE = [f"c{number}:{kind}:optional" for number in range(60) for kind in ("int", "json")]


@example([*COMMON_RESOURCES, ("Wide", WIDE, "public")])
@given(resources())
@settings(max_examples=2, database=None, deadline=None, derandomize=True)
def test_accepted_resource_is_valid_code(commands: list[tuple[str, list[str], str]]) -> None:
    zebra = parse_resource("Zebra", ["name:str:optional"], PROJECT.find_target, access="public")
    resources = {zebra.plural: zebra}
    for name, fields, access in commands:
        resource = accepted(name, fields, access, zebra)
        if resource:
            resources.setdefault(resource.plural, resource)

    check([*resources.values()])


@pytest.mark.parametrize("name", COMMON_NAMES)
def test_common_name_is_accepted(name: str) -> None:
    resource = parse_resource(name, ["title:str"], PROJECT.find_target)

    assert PROJECT.name_conflicts(resource) == []


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_name_is_rejected_with_a_suggestion(name: str) -> None:
    with pytest.raises(ScaffoldError, match=r"for example|use Book|CamelCase like"):
        raise ScaffoldError(
            PROJECT.name_conflicts(parse_resource(name, ["title:str"], PROJECT.find_target))
        )


@pytest.mark.parametrize("access", PRESETS)
def test_variables_of_templates_are_reserved(access: str) -> None:
    """A resource with one of these names gets an underscore."""
    other = Target("Zebra", "zebras", PRESETS[access], None, pages=True, admin=True)
    lines = [
        "ftitle:str:unique:search fup:ref=Okapi:optional:on_delete=null",
        "fstate:enum=a,b fmany:many=Zebra",
        "fa:slug:unique fb:slug:unique fother:ref=Zebra:optional:on_delete=null",
        "fs:str:search",
        "fn:int",
    ]
    found: set[str] = set()
    for line in lines:
        resource = parse_resource("Okapi", line.split(), {"Zebra": other}.get, access=access)
        for path, text in render_resource(resource).items():
            found |= variables_of(path, text)

    own = re.compile(r".*(okapi|zebra|^f[a-z]+$|_id$)")
    free = {name for name in found if not own.match(name) and not hasattr(builtins, name)}
    assert free - RESERVED_VARIABLES == set()


def test_any_number_of_fields_passes_the_checks() -> None:
    """Such as 12 of each type, and then 12 more."""
    fields = [f"f{place}_{n}:{kind}" for place, kind in enumerate(ALL_TYPES) for n in range(12)]
    added = [f"added_{n}:str:optional" for n in range(12)]
    related = [f"related_{n}:many=Note" for n in range(12)]

    run("-m", "app", "new", "resource", "Wide", "title:str", *fields)
    run("-m", "app", "add", "field", "Wide", *added)
    run("-m", "app", "add", "relation", "Wide", *related)

    run("-m", "ruff", "check", "--no-cache", *CODE)
    run("-m", "ruff", "format", "--no-cache", "--check", *CODE)


@pytest.mark.parametrize(("name", "fields", "other"), SIMILAR_NAMES)
def test_resource_refers_to_one_with_the_name_of_its_own_class(
    name: str, fields: list[str], other: str
) -> None:
    run("-m", "app", "new", "resource", other, "name:str", "--access", "shared")
    run("-m", "app", "new", "resource", name, *fields)

    run("-m", "ruff", "check", "--no-cache", *CODE)
    run("-c", f"import {__name__}; {__name__}.serve()")


@pytest.mark.parametrize("word", SQLITE_KEYWORDS)
def test_sql_keyword_is_quoted_or_rejected(word: str) -> None:
    name = sqlite.dialect().identifier_preparer.quote(word)
    fields = parse_fields(
        Names("Word", "words"), [f"{word}:str:unique"], PROJECT.find_target, OWNED
    )[0]

    with closing(sqlite3.connect(":memory:")) as database:
        for field in fields:
            database.execute(f"CREATE TABLE words ({name} TEXT UNIQUE, more_{field.name} TEXT)")
            database.execute(f"SELECT {name} FROM words ORDER BY words.{name}")  # noqa: S608


def variables_of(path: str, text: str) -> set[str]:
    """Return the names in lowercase letters that functions and templates use."""
    if path.startswith("tests/"):
        return set()
    if path.endswith(".html"):
        found = {
            node.name for node in Environment(autoescape=True).parse(text).find_all(nodes.Name)
        }
    else:
        functions = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        inside = [node for function in functions for node in ast.walk(function)]
        found = {node.id for node in inside if isinstance(node, ast.Name)}
        found |= {node.arg for node in inside if isinstance(node, ast.arg)}
    return {name for name in found if re.fullmatch("[a-z][a-z_]*", name)}


def accepted(name: str, fields: list[str], access: str, zebra: Resource) -> Resource | None:
    """Return the resource, or None if it is rejected with readable messages."""
    target = Target(
        zebra.name, zebra.plural, zebra.access, zebra.title_field, pages=True, admin=True
    )
    try:
        resource = parse_resource(name, fields, {"Zebra": target}.get, access=access)
        messages = PROJECT.name_conflicts(resource)
    except ScaffoldError as error:
        messages = error.messages
    assert all(" " in message for message in messages)
    return None if messages else resource


def check(resources: list[Resource]) -> None:
    """Write the files, check them with ruff, the application and pytest, and delete them."""
    files = {
        path: text for resource in resources for path, text in render_resource(resource).items()
    }
    with staging_area(PROJECT.root, files) as stage:
        stage.format()
        stage.apply()
    try:
        run("-m", "ruff", "check", "--no-cache", "app/features", "tests/features")
        run("-c", f"import {__name__}; {__name__}.serve()")
        folders = [f"tests/features/{resource.plural}" for resource in resources]
        run(
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--collect-only",
            "--database",
            "sqlite",
            *folders,
        )
    finally:
        for resource in resources:
            shutil.rmtree(PROJECT.features / resource.plural)
            shutil.rmtree(PROJECT.root / "tests/features" / resource.plural)


def serve() -> None:
    """Mount all features. Two routes of one name would be one operation of the API."""
    app = create_app(load_settings(secret_key=secrets.token_hex()))
    routes = [
        context for context in iter_route_contexts(app.routes) if context.path.startswith("/api/")
    ]
    names = [
        route.original_route.name for route in routes if isinstance(route.original_route, APIRoute)
    ]
    assert len(names) == len(set(names))
    app.openapi()


def run(*arguments: str) -> None:
    """Run a program of the project."""
    done = subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=Path(PROJECT.root),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
