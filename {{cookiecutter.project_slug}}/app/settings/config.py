"""Settings: everything an operator may change without editing code.

Each setting has one variable: `settings.database.pool_size` is `DATABASE_POOL_SIZE`. It is looked for in the
environment, then in `.env` of the current folder, then in a folder of secrets (one file a setting, named
`database_pool_size`; `/run/secrets`, or `SECRETS_DIR`), and has a default last; that of SERVER_PORT is `PORT`.
`app settings` prints what was found where.

Settings are read once, by `load_settings()`, and passed on: no module imports them as a global.
"""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.settings.database_url import check_sqlite_directory, normalize_database_url, parse_postgresql_url
from app.settings.mail_url import parse_mail_url, parse_sender
from app.settings.sources import (
    Duration,
    LogLevel,
    MappingSettingsSource,
    Networks,
    Origins,
    read_env_file,
    read_platform_port,
    read_secret_files,
    split_commas,
)

logger = logging.getLogger(__name__)


class Environment(StrEnum):
    """Where the process runs; production refuses unsafe settings."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class _Section(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class DatabaseSettings(_Section):
    """Where the data is."""

    url: str = "sqlite+aiosqlite:///app.db"
    """SQLite, or PostgreSQL as postgresql://user@host/name."""
    password: SecretStr | None = None
    """Put into the URL as it is, so that it needs no percent-encoding."""
    pgbouncer: bool = False
    """Whether DATABASE_URL leads to PgBouncer or another pooler in transaction mode."""
    direct_url: str | None = None
    """PostgreSQL without the pooler, for migrations, `app cleanup` and `app worker`; DATABASE_URL by default."""
    pool_size: int = Field(default=10, ge=1, le=200)
    """PostgreSQL connections of each worker; all workers together must fit the server."""
    pool_timeout: Duration = timedelta(seconds=10)
    """How long a request waits for a free connection."""
    connect_timeout: Duration = timedelta(seconds=5)
    """Time limit for opening a connection to PostgreSQL."""
    statement_timeout: Duration = timedelta(seconds=15)
    """Time limit of one statement on PostgreSQL; 0 for none. A request that exceeds it gets 503."""
    lock_timeout: Duration = timedelta(seconds=5)
    """How long a statement waits for a lock on PostgreSQL; 0 for ever. A request that exceeds it gets 503."""
    busy_timeout: Duration = timedelta(seconds=10)
    """How long a write waits for another one, on SQLite."""
    migration_timeout: Duration = timedelta(seconds=30)
    """How long a migration waits for another one, and for a table that is in use, on PostgreSQL."""

    def direct(self) -> "DatabaseSettings":
        """Return the settings for what a pooler cannot do: they lead to `direct_url`."""
        if self.direct_url:
            return self.model_copy(update={"url": self.direct_url, "pgbouncer": False})
        if self.uses_pgbouncer:
            logger.warning("DATABASE_DIRECT_URL is not set: migrations, cleanup and workers go through PgBouncer")
        return self

    def for_maintenance(self) -> "DatabaseSettings":
        """Return the settings for migrations and clean-up: direct, and without a limit for a statement."""
        return self.direct().model_copy(update={"statement_timeout": timedelta(0), "pool_size": max(2, self.pool_size)})

    @property
    def uses_pgbouncer(self) -> bool:
        """Whether the URL leads to a pooler."""
        return self.pgbouncer or bool(re.search(r"[?&]pgbouncer=true(&|$)", self.url))

    @field_validator("url", "direct_url")
    @classmethod
    def _can_be_used(cls, url: str | None) -> str | None:
        if url is not None:
            url = normalize_database_url(url)
            check_sqlite_directory(url)
            if url.startswith("postgresql"):
                parse_postgresql_url(url)
        return url


class ServerSettings(_Section):
    """How HTTP is served."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """Port to listen on; without it, PORT, which hosting platforms set."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes; one in a container that is scaled by replicas."""
    trusted_proxies: Networks = ()
    """Addresses or networks whose X-Forwarded-* headers are believed, comma-separated. Never `*`."""
    cors_origins: Origins = ()
    """Origins whose scripts may call the API, as https://app.example, comma-separated; none by default."""
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    """Largest request body; more is refused with 413."""
    max_header_bytes: int = Field(default=32_768, ge=4096)
    """Largest request line and headers, each header counted with 32 bytes of overhead; more is refused with 431."""
    read_timeout: Duration = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """How long a client may take to send a request, or 500 bytes of it per second; a slower one gets 408."""
    max_connections: int = Field(default=10_000, ge=1)
    """Maximum open connections per process; over it, idle ones are closed."""
    max_concurrent_requests: int = Field(default=200, ge=1)
    """Requests that one process answers at once; more wait until some are done."""
    queue_timeout: Duration = timedelta(seconds=10)
    """Who has waited so long is sent away with 503."""


class AuthSettings(_Section):
    """Lives of tokens and sessions, and the cost of a password hash."""

    access_token_ttl: Duration = timedelta(minutes=10)
    """Life of an access token. https://www.rfc-editor.org/rfc/rfc9068"""
    refresh_idle: Duration = timedelta(days=14)
    """A refresh token that is not used for so long is dead."""
    refresh_absolute: Duration = timedelta(days=60)
    """Longest life of an API session, however often it is refreshed."""
    refresh_grace: Duration = timedelta(seconds=10)
    """A refresh repeated within this time gets the same answer; 0 ends the session at once."""
    session_idle: Duration = timedelta(hours=12)
    """A browser session that is not used for so long is dead."""
    session_absolute: Duration = timedelta(days=7)
    """Longest life of a browser session."""
    remember_idle: Duration = timedelta(days=14)
    """The same, for people who asked to stay signed in."""
    remember_absolute: Duration = timedelta(days=60)
    """The same, for people who asked to stay signed in."""
    password_min_length: int = Field(default=12, ge=8)
    """Shortest password, in characters; NIST recommends 15 without a second factor."""
    argon2_memory_kib: int = Field(default=47_104, ge=8)
    """Memory of one password hash, in KiB. https://cheatsheetseries.owasp.org (Password Storage)"""
    argon2_time_cost: int = Field(default=1, ge=1)
    """Passes over that memory."""
    session_renew_after: Duration = timedelta(hours=24)
    """A browser session gets a new cookie so often."""
    max_sessions: int = Field(default=50, ge=1)
    """Sessions of one user; one more ends the oldest."""
    reauthenticate_after: Duration = timedelta(minutes=15)
    """Dangerous changes ask for the password again when the last time was longer ago."""
    verify_email_ttl: Duration = timedelta(hours=24)
    """Life of the link that proves an address."""
    reset_password_ttl: Duration = timedelta(minutes=30)
    """Life of the link that sets a new password."""
    change_email_ttl: Duration = timedelta(hours=72)
    """Life of the links that confirm and that cancel a change of address."""
    revert_email_ttl: Duration = timedelta(days=7)
    """Life of the link that takes a change of address back."""
    login_attempts: int = Field(default=5, ge=1)
    """Wrong passwords for one account within `AUTH_LOGIN_WINDOW`; then it is closed to unknown devices."""
    login_window: Duration = timedelta(minutes=15)
    """How long it is closed."""
    ip_attempts_per_minute: int = Field(default=30, ge=1)
    """Sign-ins that one address of the network may try in a minute."""
    emails_per_hour: int = Field(default=3, ge=1)
    """Mails of one kind to one address in an hour."""
    login_min_response_time: Duration = timedelta(milliseconds=250)
    """A refused sign-in takes at least so long, whatever the reason, so that its time tells nothing."""
    docs_password_form: bool = True
    """Form for email and password on `/docs`. Never shown in production."""


class MailSettings(_Section):
    """How mails leave."""

    url: SecretStr = SecretStr("file:mail")
    """smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465, or file:FOLDER, which only writes."""
    sender: str = "no-reply@localhost"
    """Address that mails come from, as ada@example.com or Ada <ada@example.com>."""
    in_server: bool = True
    """Send from the server's processes; when false, `app worker` must run."""
    poll_interval: Duration = timedelta(seconds=5)
    """How often the outbox is looked into; mails of the same process leave at once."""
    max_attempts: int = Field(default=8, ge=1)
    """How often one mail is tried, at longer and longer intervals, before it is given up."""

    @field_validator("url")
    @classmethod
    def _is_server_or_folder(cls, url: SecretStr) -> SecretStr:
        parse_mail_url(url.get_secret_value())
        return url

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, sender: str) -> str:
        parse_sender(sender)
        return sender


Retention = Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=36_500))]


class CleanupSettings(_Section):
    """How long rows are kept that have no further use."""

    in_server: bool = True
    """Delete expired rows once a day, in one of the server's processes; when false, run `app cleanup` daily."""
    event_retention: Retention = timedelta(days=365)
    """Retention of events, such as sign-ins and changes in the admin."""
    session_retention: Retention = timedelta(days=7)
    """Retention of ended sessions."""
    sent_mail_retention: Retention = timedelta(days=7)
    """Retention of sent mails; their content is deleted at once."""
    failed_mail_retention: Retention = timedelta(days=30)
    """Retention of mails that were given up, with their encrypted content."""
    unverified_account_retention: Retention = timedelta(days=7)
    """Retention of accounts whose address was never verified."""


def _local_url(validated: dict[str, Any]) -> AnyHttpUrl:
    return AnyHttpUrl(f"http://127.0.0.1:{validated['server'].port}")


class Settings(BaseSettings):
    """All settings; a section's fields carry its name as prefix."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may be a password
        use_attribute_docstrings=True,
    )

    environment: Environment = Environment.DEVELOPMENT
    """development, test or production."""
    project_name: str = "{{ cookiecutter.project_name }}"
    """Shown on the pages and in the API documentation."""
    secret_key: SecretStr = Field(min_length=32)
    """At least 32 random characters; every other key is derived from it."""
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split_commas)] = ()
    """Former secret keys, comma-separated: they still verify, and never sign."""
    log_level: LogLevel = "info"
    """debug, info, warning or error."""
    database: DatabaseSettings = DatabaseSettings()
    server: ServerSettings = ServerSettings()
    base_url: AnyHttpUrl = Field(default_factory=_local_url)
    """Public address of the project, with its path if it has one: https://example.com/shop."""
    auth: AuthSettings = AuthSettings()
    mail: MailSettings = MailSettings()
    cleanup: CleanupSettings = CleanupSettings()
    redis_url: SecretStr | None = None
    """Redis that counts attempts instead of the database."""

    MIN_ARGON2_KIB: ClassVar[int] = 19_456  # OWASP's minimum for one pass more than ours

    @field_validator("base_url")
    @classmethod
    def _end_with_a_slash(cls, url: AnyHttpUrl) -> AnyHttpUrl:
        if not re.fullmatch(r"https?://[^/?#@]+(/[A-Za-z0-9_~-]+)*/?", str(url)):
            message = "use https://example.com or https://example.com/path, with letters, digits, - _ ~ in the path"
            raise ValueError(message)
        return AnyHttpUrl(f"{str(url).rstrip('/')}/")

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> "Settings":
        if self.environment is not Environment.PRODUCTION:
            return self
        unsafe = {
            "BASE_URL must be https": self.base_url.scheme != "https",
            "SERVER_CORS_ORIGINS must not be *": "*" in self.server.cors_origins,
            "SERVER_TRUSTED_PROXIES must not be *": "*" in self.server.trusted_proxies,
            "AUTH_ARGON2_MEMORY_KIB is too low": self.auth.argon2_memory_kib < self.MIN_ARGON2_KIB,
        }
        if found := [reason for reason, bad in unsafe.items() if bad]:
            raise ValueError("not safe in production: " + "; ".join(found))
        return self

    @property
    def secure_cookies(self) -> bool:
        """Whether the site is reached by https, so that cookies may say `Secure`."""
        return self.base_url.scheme == "https"

    @property
    def shows_dev_mailbox(self) -> bool:
        """Whether mails are shown at `/dev/mail`, with the links of everybody: only on a machine of developers."""
        return self.environment is not Environment.PRODUCTION and not self.secure_cookies

    @property
    def root_path(self) -> str:
        """Path of `BASE_URL` without its last slash: `/shop`, or nothing (ASGI's `root_path`)."""
        return (self.base_url.path or "").rstrip("/")

    @cached_property
    def cookie_prefix(self) -> str:
        """Return what the names of cookies begin with, so that projects on one host do not overwrite each other's.

        Browsers send a host's cookies to all of its ports, and `__Host-` forbids a `Path` other than `/`.
        https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
        """
        port = "" if self.base_url.port in {80, 443} else str(self.base_url.port)
        parts = [port, *self.root_path.split("/")]
        if not self.secure_cookies:  # on a machine of developers, where projects come and go on the same port
            parts.insert(0, re.sub(r"[^a-z0-9]+", "-", self.project_name.lower()).strip("-"))
        return "__Host-" * self.secure_cookies + "".join(f"{part}." for part in parts if part)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by ours
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by ours
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then `.env`, the folder of secrets and `PORT`."""
        ours = (read_env_file(variable_names()), read_secret_files(), read_platform_port())
        return init_settings, env_settings, *(MappingSettingsSource(settings_cls, values) for values in ours)


class Setting(NamedTuple):
    """One setting and the variable that sets it."""

    variable: str
    field: FieldInfo
    path: tuple[str, ...]

    @property
    def default(self) -> Any:  # noqa: ANN401 - any type a setting has
        """Return the value that counts when nothing sets it; undefined for a required one."""
        return self.field.get_default(call_default_factory=True, validated_data={"server": ServerSettings()})

    def value_in(self, settings: Settings) -> Any:  # noqa: ANN401 - any type a setting has
        """Return the value in force."""
        value: Any = settings
        for name in self.path:
            value = getattr(value, name)
        return value


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - of any setting's type
    """Read the settings; `overrides` win over every other source.

    Raises:
        pydantic.ValidationError: when one is missing or wrong.
    """
    return Settings(**overrides)


def validation_errors(error: ValidationError) -> list[ErrorDetails]:
    """List what is wrong, without the defaults that could only not be computed because of it."""
    return [item for item in error.errors() if item["type"] != "default_factory_not_called"]


@cache
def variable_names() -> tuple[str, ...]:
    """Return the variables of all settings."""
    return tuple(setting.variable for setting in all_settings())


def all_settings() -> Iterator[Setting]:
    """List every setting in the order of the classes above."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            for inner, inner_field in section.model_fields.items():
                yield Setting(f"{name}_{inner}".upper(), inner_field, (name, inner))
        else:
            yield Setting(name.upper(), field, (name,))
