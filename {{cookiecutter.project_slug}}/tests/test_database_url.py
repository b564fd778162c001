"""`DATABASE_URL` as hosts hand it out: translated from libpq's words, or refused in a sentence that names the word."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.database import opened_database
from app.database_url import name_driver, read_database_url
from app.settings import DatabaseSettings, load_settings

WITH_PASSWORD = "postgresql://ada:hunter2@db.example/app"


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        pytest.param("sslmode=require&channel_binding=require", {"dsn": "postgresql://?sslmode=require"}, id="neon"),
        pytest.param("sslmode=disable", {"dsn": "postgresql://?sslmode=disable"}, id="no-tls"),
        pytest.param("ssl=true", {"dsn": "postgresql://?sslmode=require"}, id="as-in-javascript"),
        pytest.param("application_name=web%20shop", {"server_settings": {"application_name": "web shop"}}, id="name"),
        pytest.param(
            "options=-c%20search_path%3Da", {"server_settings": {"options": "-c search_path=a"}}, id="options"
        ),
        pytest.param("connect_timeout=7", {"timeout": 7}, id="timeout"),
        pytest.param("connect_timeout=0", {}, id="no-timeout"),
        pytest.param("sslmode=verify-full&sslrootcert=system", {"ssl": True}, id="certificates-of-the-machine"),
        pytest.param("keepalives=1&keepalives_idle=30&tcp_user_timeout=9", {}, id="keepalives"),
        pytest.param(
            "target_session_attrs=read-write", {"dsn": "postgresql://?target_session_attrs=read-write"}, id="primary"
        ),
    ],
)
def test_parameter_of_libpq_is_translated(parameters: str, options: dict[str, Any]) -> None:
    target = read_database_url(name_driver(f"{WITH_PASSWORD}?{parameters}"))

    assert target == ([("db.example", 5432)], "ada", "hunter2", "app", options, False)


@pytest.mark.parametrize(
    ("url", "hosts", "login"),
    [
        ("postgres://ada:p%40w@h1:5433,h2/app", [("h1", 5433), ("h2", 5432)], ("ada", "p@w", "app")),
        ("postgresql://ada@/app?host=h1,h2&port=1,2", [("h1", 1), ("h2", 2)], ("ada", None, "app")),
        ("postgresql://db/?user=ada&password=p%26w&dbname=app", [("db", 5432)], ("ada", "p&w", "app")),
        ("postgresql://ada@/app?host=/var/run/sql", [("/var/run/sql", 5432)], ("ada", None, "app")),
        ("postgresql://ada@[::1]:5433/app", [("::1", 5433)], ("ada", None, "app")),
        ("postgresql://ada:p/w#1@db/app", [("db", 5432)], ("ada", "p/w#1", "app")),
        ("postgresql:///app", [], (None, None, "app")),
    ],
)
def test_hosts_and_login_are_read_wherever_they_are(
    url: str, hosts: list[tuple[str, int]], login: tuple[str | None, ...]
) -> None:
    target = read_database_url(name_driver(url))

    assert target is not None
    assert (target.hosts, target[1:4]) == (hosts, login)


def test_url_of_prisma_means_a_pooler() -> None:
    database = load_settings(secret_key="s" * 32, database={"url": f"{WITH_PASSWORD}?pgbouncer=true"}).database

    assert database.uses_pgbouncer


@pytest.mark.parametrize("around", ["{}", " {} ", '"{}"', "'{}'\n"])
def test_quotes_and_blanks_around_it_are_dropped(around: str) -> None:
    database = load_settings(secret_key="s" * 32, database={"url": around.format(WITH_PASSWORD)}).database

    assert database.url == WITH_PASSWORD.replace("://", "+asyncpg://")


@pytest.mark.parametrize("name", ["url", "direct_url"])
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://ada:hunter2@db:abc/app", "a port must be a number"),
        ("postgresql://ada:hunter2@db:0/app", "a port must be a number"),
        ("postgresql://ada:hunter2@h1:1,h2:x/app", "a port must be a number"),
        (f"{WITH_PASSWORD}?connection_limit=1", "'connection_limit' is not supported"),
        (f"{WITH_PASSWORD}?search_path=a", "'search_path' is not supported"),
        (f"{WITH_PASSWORD}?connect_timeout=soon", "connect_timeout must be a number"),
        (f"{WITH_PASSWORD}?sslmode=yes", "sslmode must be one of"),
        (f"{WITH_PASSWORD}?target_session_attrs=any-of", "target_session_attrs must be one of"),
        (f"{WITH_PASSWORD}?sslmode=verify-full&sslrootcert=/no/such.pem", "sslrootcert names a file"),
        (f"{WITH_PASSWORD}?sslcert=/no/such.pem", "sslcert names a file"),
        (f"{WITH_PASSWORD}?sslmode=verify-full", "needs sslrootcert"),
        ("host=db user=ada password=hunter2", "use postgresql://"),
        ("postgresql://ada:hun?ter2@hunter2?db/app", "with %-codes for special characters"),
        ("mysql://ada:hunter2@db/app", "use postgresql://"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_when_settings_are_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, url: str, sentence: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(ValidationError, match=sentence) as refused:
        load_settings(secret_key="s" * 32, database={name: url})

    assert "hunter2" not in str(refused.value)


@pytest.mark.database("postgresql")
def test_parameters_reach_the_server(database_url: str) -> None:
    words = "sslmode=disable&channel_binding=prefer&application_name=web%20shop&connect_timeout=5&keepalives=1"
    url = f"{database_url}?{words}&options=-c%20search_path%3Dpg_catalog&target_session_attrs=any"

    async def ask() -> list[str]:
        async with opened_database(DatabaseSettings(url=url)) as database, database.engine.connect() as connection:
            names = ("application_name", "search_path", "statement_timeout", "lock_timeout")
            return [str(await connection.scalar(text(f"SHOW {name}"))) for name in names]

    assert asyncio.run(ask()) == ["web shop", "pg_catalog", "15s", "5s"]


@pytest.mark.database("postgresql")
def test_first_host_that_answers_is_taken(database_url: str) -> None:
    url = make_url(database_url)
    hosts = f"127.0.0.1:1,{url.host}:{url.port}"
    several = DatabaseSettings(url=f"postgresql://{url.username}@{hosts}/{url.database}")

    async def ask() -> object:
        async with opened_database(several) as database, database.engine.connect() as connection:
            return await connection.scalar(text("SELECT current_database()"))

    assert asyncio.run(ask()) == url.database
