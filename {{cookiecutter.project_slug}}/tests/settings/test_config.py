"""Settings: sources, precedence and validation."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.commands.introspection import env_example
from app.database.engine import postgresql_connect_args
from app.database.migrate import MIGRATIONS_DIR
from app.settings.config import Settings, all_settings, load_settings

SECRET = "a secret key of forty-two random characters"

Write = Callable[[str, str], None]


@pytest.fixture
def secret_file(tmp_path: Path) -> Write:
    """Write a file to the secrets directory."""
    folder = tmp_path / "secrets"
    folder.mkdir()

    def write(name: str, text: str) -> None:
        (folder / name).write_text(text)

    return write


def production_settings(**changes: object) -> Settings:
    """Load settings that are valid in production, with changes."""
    return load_settings(environment="production", secret_key=SECRET, **{"base_url": "https://example.com", **changes})


def test_only_secret_key_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)

    settings = load_settings()

    assert settings.secret_key.get_secret_value() == SECRET
    assert settings.database.url == "sqlite+aiosqlite:///app.db"


@pytest.mark.parametrize(
    "key", [pytest.param(None, id="none"), pytest.param("", id="empty"), pytest.param("x" * 31, id="short")]
)
def test_missing_or_short_secret_key_is_rejected(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    """Behaviour 146."""
    if key is not None:
        monkeypatch.setenv("SECRET_KEY", key)

    with pytest.raises(ValidationError, match="secret_key"):
        load_settings()


def test_environment_overrides_env_file_overrides_secret_file_overrides_default(
    monkeypatch: pytest.MonkeyPatch, secret_file: Write
) -> None:
    for name in ("secret_key", "project_name", "redis_url"):
        secret_file(name, f"{SECRET} in a file")
    Path(".env").write_text(f"SECRET_KEY={SECRET} in .env\nPROJECT_NAME=in .env\n")
    monkeypatch.setenv("SECRET_KEY", f"{SECRET} in the environment")

    settings = load_settings()

    assert settings.secret_key.get_secret_value() == f"{SECRET} in the environment"
    assert settings.project_name == "in .env"
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == f"{SECRET} in a file"
    assert settings.database.pool_size == 10


def test_setting_of_a_section_is_read_from_each_source(monkeypatch: pytest.MonkeyPatch, secret_file: Write) -> None:
    secret_file("database_password", "from a file\n")
    Path(".env").write_text("DATABASE_POOL_SIZE=3\n")
    monkeypatch.setenv("DATABASE_URL", "postgres://app@db/app")

    database = load_settings(secret_key=SECRET).database

    assert database.password is not None
    assert database.password.get_secret_value() == "from a file"
    assert (database.pool_size, database.url) == (3, "postgresql+asyncpg://app@db/app")


def test_empty_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")

    assert load_settings(secret_key=SECRET).database.url == "sqlite+aiosqlite:///app.db"


def test_unrelated_variables_and_files_are_ignored(monkeypatch: pytest.MonkeyPatch, secret_file: Write) -> None:
    secret_file("unrelated", "secret")
    monkeypatch.setenv("SERVER_SOMETHING_ELSE", "1")
    Path(".env").write_text("OTHER=1\n")

    assert load_settings(secret_key=SECRET).server.port == 8000


@pytest.mark.parametrize("password", ["p@ss/word:#%", "plain", "ä ö", "%40"])
def test_database_password_needs_no_encoding(password: str) -> None:
    settings = load_settings(
        secret_key=SECRET, database={"url": "postgresql://app@db.example:5433/app?ssl=require", "password": password}
    )

    arguments = postgresql_connect_args(settings.database)
    assert arguments["password"] == password
    assert arguments["dsn"] == "postgresql://db.example:5433/app?sslmode=require"


@pytest.mark.parametrize(
    ("url", "normalized"),
    [
        ("postgres://a@b/c", "postgresql+asyncpg://a@b/c"),
        ("postgresql://a@b/c", "postgresql+asyncpg://a@b/c"),
        ("postgresql+asyncpg://a@b/c", "postgresql+asyncpg://a@b/c"),
        ("sqlite:///x.db", "sqlite+aiosqlite:///x.db"),
    ],
)
def test_database_url_is_normalized_to_the_async_driver(url: str, normalized: str) -> None:
    assert load_settings(secret_key=SECRET, database={"url": url}).database.url == normalized


def test_unsupported_database_is_rejected() -> None:
    with pytest.raises(ValidationError, match="postgresql://"):
        load_settings(secret_key=SECRET, database={"url": "mysql://root@localhost/x"})


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("90", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("12h", timedelta(hours=12)),
        ("14d", timedelta(days=14)),
        ("0", timedelta(0)),
    ],
)
def test_duration_is_written_with_its_unit(monkeypatch: pytest.MonkeyPatch, text: str, meaning: timedelta) -> None:
    monkeypatch.setenv("AUTH_REFRESH_GRACE", text)

    assert load_settings(secret_key=SECRET).auth.refresh_grace == meaning


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_CORS_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", f"{SECRET} 1,{SECRET} 2")

    settings = load_settings(secret_key=SECRET)

    assert settings.server.cors_origins == ("https://a.example", "https://b.example")
    assert [key.get_secret_value() for key in settings.secret_key_fallbacks] == [f"{SECRET} 1", f"{SECRET} 2"]


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://app.example/", "https://app.example"),
        ("HTTPS://App.Example:443", "https://app.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
    ],
)
def test_origin_is_normalized_as_browsers_send_it(written: str, origin: str) -> None:
    assert load_settings(secret_key=SECRET, server={"cors_origins": written}).server.cors_origins == (origin,)


@pytest.mark.parametrize(
    "written",
    [
        "localhost:5173",
        "app.example",
        '["https://app.example"]',
        "https://*.example",
        "https://app.example/path",
        "https://app.example?",
        "https://ada@app.example",
        "null",
        "https://app.example https://other.example",
    ],
)
def test_invalid_origin_is_rejected(written: str) -> None:
    with pytest.raises(ValidationError, match="is not an origin: use https://"):
        load_settings(secret_key=SECRET, server={"cors_origins": written})


@pytest.mark.parametrize("written", ["localhost", "10.0.0.1/8", '["10.0.0.0/8"]', "10.0.0.*"])
def test_invalid_proxy_is_rejected(written: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        load_settings(secret_key=SECRET, server={"trusted_proxies": written})


def test_log_level_is_validated() -> None:
    assert load_settings(secret_key=SECRET, log_level="WARNING").log_level == "warning"
    with pytest.raises(ValidationError, match="'debug', 'info', 'warning' or 'error'"):
        load_settings(secret_key=SECRET, log_level="verbose")


def test_base_url_defaults_to_the_port() -> None:
    assert str(load_settings(secret_key=SECRET, server={"port": 9123}).base_url) == "http://127.0.0.1:9123/"


def test_safe_settings_are_accepted_in_production() -> None:
    assert production_settings().secure_cookies


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"base_url": "http://example.com"}, "BASE_URL must start with https", id="plain-http"),
        pytest.param({"server": {"cors_origins": "*"}}, "SERVER_CORS_ORIGINS", id="cors-for-all"),
        pytest.param({"server": {"trusted_proxies": "*"}}, "SERVER_TRUSTED_PROXIES", id="any-proxy"),
        pytest.param({"auth": {"argon2_memory_kib": 8}}, "AUTH_ARGON2_MEMORY_KIB", id="cheap-hashes"),
    ],
)
def test_unsafe_settings_are_rejected_in_production(changes: dict[str, object], reason: str) -> None:
    """Behaviour 146."""
    with pytest.raises(ValidationError, match=reason):
        production_settings(**changes)


def test_secrets_are_masked_in_repr_and_json() -> None:
    settings = load_settings(secret_key=SECRET, secret_key_fallbacks=SECRET, database={"password": SECRET})

    assert SECRET not in repr(settings)
    assert SECRET not in settings.model_dump_json()


def test_page_size_above_its_maximum_is_rejected() -> None:
    with pytest.raises(ValidationError, match="API_PAGE_SIZE must not be greater than API_MAX_PAGE_SIZE"):
        load_settings(secret_key=SECRET, api={"page_size": 101})


def test_every_setting_is_unique_and_documented() -> None:
    variables = [setting.variable for setting in all_settings()]

    assert len(set(variables)) == len(variables)
    assert [setting.variable for setting in all_settings() if not setting.field.description] == []


def test_env_example_contains_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", SECRET)
    before = load_settings()

    Path(".env").write_text(re.sub(r"(?m)^# (?=[A-Z_]+=)", "", env_example()))

    assert len(Path(".env").read_text().splitlines()) > 100
    assert load_settings() == before


def test_env_example_is_up_to_date() -> None:
    lines = (MIGRATIONS_DIR.parent / ".env.example").read_text().splitlines(keepends=True)

    assert "".join(line for line in lines if "{%" not in line) == env_example(), (  # marks of the template
        "outdated: run python3 dev.py app settings --example > .env.example"
    )
