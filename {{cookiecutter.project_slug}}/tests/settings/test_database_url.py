"""`DATABASE_URL` as hosting providers write it: libpq parameters are translated, or rejected by name."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.database.connection import open_database
from app.settings.config import DatabaseSettings, load_settings
from app.settings.database_url import normalize_database_url, parse_postgresql_url

WITH_PASSWORD = "postgresql://ada:hunter2@db.example/app"


@pytest.mark.parametrize(
    ("parameters", "dsn_parameters", "arguments"),
    [
        pytest.param("sslmode=require&channel_binding=require", "sslmode=require", {}, id="neon"),
        pytest.param("ssl=true", "sslmode=require", {}, id="ssl-as-in-javascript"),
        pytest.param("application_name=web%20shop", "application_name=web+shop", {}, id="name"),
        pytest.param("options=-c%20search_path%3Da", "options=-c+search_path%3Da", {}, id="options"),
        pytest.param("connect_timeout=7", "", {"timeout": 7}, id="timeout"),
        pytest.param("connect_timeout=0", "", {}, id="no-timeout"),
        pytest.param("sslmode=verify-full&sslrootcert=system", "", {"ssl": True}, id="certificates-of-the-machine"),
        pytest.param("keepalives=1&keepalives_idle=30&tcp_user_timeout=9&pgbouncer=true", "", {}, id="ignored"),
        pytest.param("target_session_attrs=read-write", "target_session_attrs=read-write", {}, id="primary"),
        pytest.param("host=h1,h2&port=1,2", "host=h1%2Ch2&port=1%2C2", {}, id="hosts"),
        pytest.param("user=bob&password=p%26w&dbname=other", "user=bob&password=p%26w&dbname=other", {}, id="login"),
    ],
)
def test_libpq_parameter_is_translated(parameters: str, dsn_parameters: str, arguments: dict[str, Any]) -> None:
    login = {"user": "ada", "password": "hunter2"}

    found = parse_postgresql_url(normalize_database_url(f"{WITH_PASSWORD}?{parameters}"))

    assert found == {**login, "dsn": f"postgresql://db.example/app?{dsn_parameters}", **arguments}


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        ("postgres://ada:p%40w@h1:5433,h2/app", {"user": "ada", "password": "p@w", "dsn": "h1:5433,h2/app?"}),
        ("postgresql://ada@/app?host=/var/run/sql", {"user": "ada", "dsn": "/app?host=%2Fvar%2Frun%2Fsql"}),
        ("postgresql://ada@[::1]:5433/app", {"user": "ada", "dsn": "[::1]:5433/app?"}),
        ("postgresql://ada:p/w#1@db/app", {"user": "ada", "password": "p/w#1", "dsn": "db/app?"}),
        ("postgresql://db/?dbname=app", {"dsn": "db?dbname=app"}),
    ],
)
def test_hosts_and_credentials_are_parsed(url: str, arguments: dict[str, str]) -> None:
    found = parse_postgresql_url(normalize_database_url(url))

    assert {**found, "dsn": found["dsn"].removeprefix("postgresql://")} == arguments


def test_pgbouncer_parameter_enables_pooler_mode() -> None:
    database = load_settings(secret_key="s" * 32, database={"url": f"{WITH_PASSWORD}?pgbouncer=true"}).database

    assert database.uses_pgbouncer


@pytest.mark.parametrize("around", ["{}", " {} ", '"{}"', "'{}'\n"])
def test_surrounding_quotes_and_whitespace_are_removed(around: str) -> None:
    database = load_settings(secret_key="s" * 32, database={"url": around.format(WITH_PASSWORD)}).database

    assert database.url == WITH_PASSWORD.replace("://", "+asyncpg://")


@pytest.mark.parametrize("name", ["url", "direct_url", "read_url"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://ada:hunter2@db:abc/app", "a port must be a number"),
        ("postgresql://ada:hunter2@db:0/app", "a port must be a number"),
        ("postgresql://ada:hunter2@h1:1,h2:x/app", "a port must be a number"),
        (f"{WITH_PASSWORD}?connection_limit=1", "'connection_limit' is not supported"),
        (f"{WITH_PASSWORD}?search_path=a", "'search_path' is not supported"),
        (f"{WITH_PASSWORD}?connect_timeout=soon", "connect_timeout must be a number"),
        (f"{WITH_PASSWORD}?sslmode=yes", "sslmode must be one of"),
        (f"{WITH_PASSWORD}?target_session_attrs=any-of", "target_session_attrs must be one of"),
        (f"{WITH_PASSWORD}?sslmode=verify-full&sslrootcert=/no/such.pem", "sslrootcert: file not found"),
        (f"{WITH_PASSWORD}?sslcert=/no/such.pem", "sslcert: file not found"),
        (f"{WITH_PASSWORD}?sslmode=verify-full", "needs sslrootcert"),
        ("host=db user=ada password=hunter2", "use postgresql://"),
        ("postgresql://ada:hun?ter2@hunter2?db/app", "percent-encode special characters"),
        ("mysql://ada:hunter2@db/app", "use postgresql://"),
    ],
)
def test_invalid_url_is_rejected_without_leaking_the_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, url: str, message: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(ValidationError, match=message) as error:
        load_settings(secret_key="s" * 32, database={name: url})

    assert "hunter2" not in str(error.value)


@pytest.mark.database("postgresql")
def test_parameters_reach_the_server(database_url: str) -> None:
    words = "sslmode=disable&channel_binding=prefer&application_name=web%20shop&connect_timeout=5&keepalives=1"
    url = f"{database_url}?{words}&options=-c%20search_path%3Dpg_catalog&target_session_attrs=any"

    async def ask() -> list[str]:
        async with open_database(DatabaseSettings(url=url)) as database, database.engine.connect() as connection:
            names = ("application_name", "search_path", "statement_timeout", "lock_timeout")
            return [str(await connection.scalar(text(f"SHOW {name}"))) for name in names]

    assert asyncio.run(ask()) == ["web shop", "pg_catalog", "15s", "5s"]


@pytest.mark.database("postgresql")
def test_first_reachable_host_is_used(database_url: str) -> None:
    url = make_url(database_url)
    hosts = f"127.0.0.1:1,{url.host}:{url.port}"
    several = DatabaseSettings(url=f"postgresql://{url.username}@{hosts}/{url.database}")

    async def ask() -> object:
        async with open_database(several) as database, database.engine.connect() as connection:
            return await connection.scalar(text("SELECT current_database()"))

    assert asyncio.run(ask()) == url.database
