"""Application settings.

Each setting has one environment variable: `settings.database.pool_size` is `DATABASE_POOL_SIZE`. Sources, in order:
the environment, `.env` in the current directory, a secrets directory (one file per setting, such as
`database_pool_size`, in `/run/secrets` or `SECRETS_DIR`), the default. SERVER_PORT falls back to `PORT`. `app
settings` prints each value and its source.

`load_settings()` reads them once; they are passed explicitly, never imported as a global.
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
from app.settings.files_url import parse_files_url
from app.settings.mail_url import parse_mail_url, parse_sender
from app.settings.sources import (
    Duration,
    LogFormat,
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

AUTHOR = "{{ cookiecutter.author }}"  # fmt: skip
LICENSE = "{{ cookiecutter.license }}"


class Environment(StrEnum):
    """Deployment environment; production rejects unsafe settings."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class _Section(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class DatabaseSettings(_Section):
    """Database connection and timeouts."""

    url: str = "sqlite+aiosqlite:///app.db"
    """Database URL: sqlite+aiosqlite:///app.db or postgresql://user@host/name."""
    password: SecretStr | None = None
    """Database password. Unlike a password in the URL, it needs no percent-encoding."""
    pgbouncer: bool = False
    """Set to true if DATABASE_URL points to PgBouncer or another pooler in transaction mode."""
    direct_url: str | None = None
    """Direct PostgreSQL URL that bypasses the pooler, for migrations, `app cleanup` and `app worker`.

    Defaults to DATABASE_URL.
    """
    read_url: str | None = None
    """PostgreSQL URL of a read replica, for routes with `ReplicaSessionDep`. Defaults to DATABASE_URL.

    The password, the pool size and the timeouts are those of DATABASE_URL.
    """
    pool_size: int = Field(default=10, ge=1, le=200)
    """Maximum database connections per worker process.

    On PostgreSQL, the sum over all workers must stay below the server's `max_connections`.
    """
    pool_timeout: Duration = timedelta(seconds=10)
    """How long a request waits for a free connection from the pool before it gets 503."""
    driver_execution: bool = True
    """Execute frequent statements by the database driver, several times as fast as by SQLAlchemy.

    Disable it to rule it out as the cause of a problem. It isn't used through PgBouncer.
    """
    connect_timeout: Duration = timedelta(seconds=5)
    """Timeout for connecting to PostgreSQL."""
    statement_timeout: Duration = timedelta(seconds=15)
    """Timeout for a single statement on PostgreSQL; 0 disables it. Requests that exceed it get 503."""
    slow_statements: Duration = timedelta(milliseconds=500)
    """How long a statement takes that is logged as slow, without its parameters; 0 disables it."""
    lock_timeout: Duration = timedelta(seconds=5)
    """Timeout for acquiring a lock on PostgreSQL; 0 disables it. Requests that exceed it get 503."""
    busy_timeout: Duration = timedelta(seconds=10)
    """How long a write waits for another write to finish on SQLite (`busy_timeout`)."""
    migration_timeout: Duration = timedelta(seconds=30)
    """How long a migration waits for another migration or a table lock on PostgreSQL."""

    def direct(self) -> "DatabaseSettings":
        """Return the settings with `direct_url`, for work that a transaction pooler doesn't support."""
        if self.direct_url:
            return self.model_copy(update={"url": self.direct_url, "pgbouncer": False})
        if self.uses_pgbouncer:
            logger.warning("DATABASE_DIRECT_URL is not set: migrations, cleanup and workers go through PgBouncer")
        return self

    def for_replica(self) -> "DatabaseSettings | None":
        """Return the settings with `read_url`, if it is set."""
        return self.model_copy(update={"url": self.read_url, "read_url": None}) if self.read_url else None

    def for_maintenance(self) -> "DatabaseSettings":
        """Return the settings for migrations and cleanup: direct connection, no statement timeout."""
        return self.direct().model_copy(update={"statement_timeout": timedelta(0), "pool_size": max(2, self.pool_size)})

    @property
    def uses_pgbouncer(self) -> bool:
        """Whether the URL points to a pooler."""
        return self.pgbouncer or bool(re.search(r"[?&]pgbouncer=true(&|$)", self.url))

    @field_validator("read_url")
    @classmethod
    def _check_read_url(cls, url: str | None) -> str | None:
        if url is not None and url.lstrip().startswith("sqlite"):
            raise ValueError("use postgresql://…: SQLite has no read replicas")
        return url

    @field_validator("url", "direct_url", "read_url")
    @classmethod
    def _normalize_url(cls, url: str | None) -> str | None:
        if url is not None:
            url = normalize_database_url(url)
            check_sqlite_directory(url)
            if url.startswith("postgresql"):
                parse_postgresql_url(url)
        return url


class ServerSettings(_Section):
    """HTTP server: address, limits and timeouts."""

    host: str = "127.0.0.1"
    """Address to bind to."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """Port to bind to. Defaults to PORT, which hosting platforms set."""
    workers: int = Field(default=1, ge=1, le=64)
    """Number of worker processes. Use 1 in containers and scale with replicas."""
    trusted_proxies: Networks = ()
    """IP addresses or networks of trusted reverse proxies, comma-separated.

    Only their X-Forwarded-* headers are used. Don't use `*`.
    """
    client_ip_header: str = ""
    """Header in which trusted proxies send the client's IP address, such as Fly-Client-IP. Defaults to X-Forwarded-For."""
    cors_origins: Origins = ()
    """Origins of front ends, comma-separated, such as https://app.example.com.

    CORS allows them to call the API, and front ends on the same site can sign in with a cookie.
    """
    max_body_bytes: int = Field(default=1_048_576, ge=1024)
    """Maximum size of a request body, or of a WebSocket message, in bytes. Larger requests get 413."""
    max_header_bytes: int = Field(default=32_768, ge=4096)
    """Maximum size of the request line and headers in bytes, counting 32 bytes of overhead per header.

    Larger requests get 414 or 431.
    """
    read_timeout: Duration = Field(default=timedelta(seconds=20), gt=timedelta(0))
    """Timeout for receiving a request; extended while the client sends at least 500 bytes per second.

    Slower requests get 408.
    """
    max_connections: int = Field(default=10_000, ge=1)
    """Maximum open connections per process. Above the limit, idle connections are closed."""
    max_concurrent_requests: int = Field(default=200, ge=1)
    """Maximum concurrent requests per process. Further requests wait in a queue."""
    queue_timeout: Duration = timedelta(seconds=10)
    """How long a request waits in the queue before it gets 503."""
    max_live_connections: int = Field(default=5_000, ge=1)
    """Maximum open WebSockets and event streams per process. Further ones get 503."""
    max_live_connections_per_user: int = Field(default=50, ge=1)
    """Maximum open WebSockets and event streams of one user per process. Further ones get 429.

    Without authentication, those of one IP address are counted.
    """
    live_check_interval: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """How often the sessions of open WebSockets and event streams are checked, with one query per process."""


class APISettings(_Section):
    """Lists of the API and of pages, and retries of the API."""

    page_size: int = Field(default=20, ge=1)
    """Number of rows in a page of a list, unless the request sets `limit`."""
    max_page_size: int = Field(default=100, ge=1)
    """Maximum `limit` of a request. Larger ones get 422."""
    idempotency_ttl: Duration = Field(default=timedelta(hours=24), gt=timedelta(0))
    """How long the response to a POST request with an `Idempotency-Key` is stored."""

    @model_validator(mode="after")
    def _check_page_size(self) -> "APISettings":
        if self.page_size > self.max_page_size:
            raise ValueError("API_PAGE_SIZE must not be greater than API_MAX_PAGE_SIZE")
        return self


class AuthSettings(_Section):
    """Token and session lifetimes, password hashing and rate limits."""

    access_token_ttl: Duration = timedelta(minutes=10)
    """Lifetime of an access token (RFC 9068)."""
    refresh_idle: Duration = timedelta(days=14)
    """Idle lifetime of an API session, and so of a refresh token."""
    refresh_absolute: Duration = timedelta(days=60)
    """Absolute lifetime of an API session."""
    refresh_grace: Duration = timedelta(seconds=10)
    """Grace period in which reusing a refresh token returns the same new tokens.

    After it, or with 0, reuse revokes the session.
    """
    session_idle: Duration = timedelta(hours=12)
    """Idle lifetime of a browser session."""
    session_absolute: Duration = timedelta(days=7)
    """Absolute lifetime of a browser session."""
    remember_idle: Duration = timedelta(days=14)
    """Idle lifetime of a browser session with “stay signed in”."""
    remember_absolute: Duration = timedelta(days=60)
    """Absolute lifetime of a browser session with “stay signed in”."""
    password_min_length: int = Field(default=12, ge=8)
    """Minimum password length in characters. NIST recommends 15 without a second factor."""
    password_min_score: int = Field(default=3, ge=1, le=4)
    """Minimum password strength from 1 to 4, estimated by zxcvbn: 3 is safely unguessable, 1 not too guessable."""
    argon2_memory_kib: int = Field(default=47_104, ge=8)
    """Argon2 memory cost in KiB (OWASP Password Storage Cheat Sheet)."""
    argon2_time_cost: int = Field(default=1, ge=1)
    """Argon2 time cost (iterations)."""
    session_renew_after: Duration = timedelta(hours=24)
    """Interval at which the session cookie is rotated."""
    max_sessions: int = Field(default=50, ge=1)
    """Maximum sessions per user. A new sign-in over the limit ends the oldest session."""
    reauthenticate_after: Duration = timedelta(minutes=15)
    """How long after sign-in sensitive actions are allowed before the password is required again."""
    verify_email_ttl: Duration = timedelta(hours=24)
    """Lifetime of an email verification link."""
    reset_password_ttl: Duration = timedelta(minutes=30)
    """Lifetime of a password reset link."""
    change_email_ttl: Duration = timedelta(hours=72)
    """Lifetime of the links that confirm or cancel an email change."""
    revert_email_ttl: Duration = timedelta(days=7)
    """Lifetime of the link that reverts an email change."""
    login_attempts: int = Field(default=5, ge=1)
    """Failed sign-ins per account within `AUTH_LOGIN_WINDOW` before sign-in from unknown devices is blocked."""
    login_window: Duration = timedelta(minutes=15)
    """Window in which failed sign-ins are counted, and duration of the block."""
    ip_attempts_per_minute: int = Field(default=30, ge=1)
    """Maximum sign-in attempts per minute from one IP address."""
    emails_per_hour: int = Field(default=3, ge=1)
    """Maximum emails of one type to one address per hour."""
    login_min_response_time: Duration = timedelta(milliseconds=250)
    """Minimum response time of a failed sign-in, to prevent user enumeration by timing."""
    docs_password_form: bool = True
    """Show an email and password form on `/docs`. Always off in production."""


class MailSettings(_Section):
    """Outgoing email."""

    url: SecretStr = SecretStr("file:mail")
    """Mail server: smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465 (TLS), or file:DIRECTORY
    to write emails to files.
    """
    sender: str = "no-reply@localhost"
    """Sender address: ada@example.com or Ada <ada@example.com>."""
    max_attempts: int = Field(default=8, ge=1)
    """Maximum delivery attempts per email, with increasing delays."""

    @field_validator("url")
    @classmethod
    def _check_mail_url(cls, url: SecretStr) -> SecretStr:
        parse_mail_url(url.get_secret_value())
        return url

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, sender: str) -> str:
        parse_sender(sender)
        return sender


class JobSettings(_Section):
    """Jobs: work outside the request."""

    in_server: bool = True
    """Run jobs in the server processes. If false, run `app worker`."""
    concurrency: int = Field(default=4, ge=1, le=100)
    """Maximum jobs that a process runs at the same time."""
    poll_interval: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """Interval at which due jobs are looked for. Those enqueued by the same process are started immediately."""


class FilesSettings(_Section):
    """Uploaded files."""

    url: SecretStr = SecretStr("file:uploads")
    """Where uploaded files are stored: file:DIRECTORY, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX.

    Options follow as a query: s3://BUCKET?endpoint=https://…&region=…&access_key_id=…&secret_access_key=…
    """
    redirect: bool = False
    """Redirect downloads from S3, Google Cloud Storage or Azure to a URL of the store that is valid for a minute."""

    @field_validator("url")
    @classmethod
    def _check_files_url(cls, url: SecretStr) -> SecretStr:
        parse_files_url(url.get_secret_value())
        return url


# {%- if cookiecutter.deploy +%}


class BackupSettings(_Section):
    """Backups of the database and the uploaded files."""

    url: SecretStr | None = None
    """Where backups are stored, in the format of FILES_URL. If set, a job takes them by BACKUP_SCHEDULE."""
    schedule: str = "30 2 * * *"
    """When the job takes a backup, as a cron text in UTC; `never` if only `app backup` does."""
    keep: int = Field(default=14, ge=1)
    """Number of backups at BACKUP_URL; older ones are deleted."""
    recipients: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_commas)] = ()
    """Public keys that backups are encrypted for, comma-separated, as `app backup-key` prints."""
    postgresql_bin: str = ""
    """Directory of `pg_dump`, `pg_restore` and `psql`. By default, they are looked for on this machine."""

    @field_validator("url")
    @classmethod
    def _check_backup_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_files_url(url.get_secret_value())
        return url

    @field_validator("schedule")
    @classmethod
    def _check_schedule(cls, schedule: str) -> str:
        from datetime import UTC, datetime  # noqa: PLC0415 - so that a project without backups doesn't import them

        from cronsim import CronSim, CronSimError  # noqa: PLC0415

        try:
            if schedule != "never":
                CronSim(schedule, datetime.now(UTC))
        except CronSimError as error:
            message = 'use a cron text such as "30 2 * * *", which is daily at 2:30 UTC'
            raise ValueError(message) from error
        return schedule


class MetricsSettings(_Section):
    """Metrics for Prometheus."""

    token: SecretStr | None = Field(default=None, min_length=16)
    """Bearer token that `/metrics` requires, at least 16 characters. Without it, there are no metrics."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Port on which `app worker` serves `/metrics`, at SERVER_HOST."""


# {%- endif +%}


Retention = Annotated[Duration, Field(ge=timedelta(days=1), le=timedelta(days=36_500))]


class CleanupSettings(_Section):
    """Data retention."""

    event_retention: Retention = timedelta(days=365)
    """Retention of audit events, such as sign-ins and changes made in the admin."""
    session_retention: Retention = timedelta(days=7)
    """Retention of ended sessions."""
    succeeded_job_retention: Retention = timedelta(days=7)
    """Retention of jobs that succeeded, such as sent emails."""
    failed_job_retention: Retention = timedelta(days=30)
    """Retention of jobs that failed or were canceled, such as emails that could not be delivered, with their
    arguments.
    """
    unverified_account_retention: Retention = timedelta(days=7)
    """Retention of accounts whose email address was never verified."""


def _local_url(validated: dict[str, Any]) -> AnyHttpUrl:
    return AnyHttpUrl(f"http://127.0.0.1:{validated['server'].port}")


class Settings(BaseSettings):
    """All settings. The fields of a section are prefixed with its name."""

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
    """Deployment environment: development, test or production."""
    project_name: str = "{{ cookiecutter.project_name }}"
    """Display name, shown on web pages and in the API docs."""
    project_description: str = "{{ cookiecutter.description }}"  # fmt: skip
    """What the project is, in one sentence, shown on the home page."""
    secret_key: SecretStr = Field(min_length=32)
    """Secret key, at least 32 random characters. All other keys are derived from it."""
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split_commas)] = ()
    """Previous secret keys, comma-separated. Used to verify and decrypt, never to sign or encrypt."""
    log_level: LogLevel = "info"
    """Log level: debug, info, warning or error."""
    log_format: LogFormat = "auto"
    """Log format: text, json or auto, which is json in production."""
    database: DatabaseSettings = DatabaseSettings()
    server: ServerSettings = ServerSettings()
    base_url: AnyHttpUrl = Field(default_factory=_local_url)
    """Public URL of the project, including any path prefix: https://example.com/shop."""
    api: APISettings = APISettings()
    auth: AuthSettings = AuthSettings()
    mail: MailSettings = MailSettings()
    jobs: JobSettings = JobSettings()
    files: FilesSettings = FilesSettings()
    cleanup: CleanupSettings = CleanupSettings()
    # {%- if cookiecutter.deploy +%}
    backup: BackupSettings = BackupSettings()
    metrics: MetricsSettings = MetricsSettings()
    otel_exporter_otlp_endpoint: AnyHttpUrl | None = None
    """OpenTelemetry collector that gets traces (OTLP over HTTP): http://127.0.0.1:4318."""
    sentry_dsn: SecretStr | None = None
    """Address (DSN) of a Sentry project that gets reports of unexpected errors."""
    # {%- endif +%}
    redis_url: SecretStr | None = None
    """Redis URL for rate limit counters and live updates. Defaults to the database."""

    MIN_ARGON2_KIB: ClassVar[int] = 19_456  # OWASP's minimum for t=2

    @field_validator("base_url")
    @classmethod
    def _normalize_base_url(cls, url: AnyHttpUrl) -> AnyHttpUrl:
        if not re.fullmatch(r"https?://[^/?#@]+(/[A-Za-z0-9_~-]+)*/?", str(url)):
            message = "use https://example.com or https://example.com/path, with letters, digits, - _ ~ in the path"
            raise ValueError(message)
        return AnyHttpUrl(f"{str(url).rstrip('/')}/")

    @model_validator(mode="after")
    def _reject_unsafe_production(self) -> "Settings":
        if self.environment is not Environment.PRODUCTION:
            return self
        unsafe = {
            "BASE_URL must start with https://": self.base_url.scheme != "https",
            "SERVER_CORS_ORIGINS must not be *": "*" in self.server.cors_origins,
            "SERVER_TRUSTED_PROXIES must not be *": "*" in self.server.trusted_proxies,
            "AUTH_ARGON2_MEMORY_KIB must be at least 19456": self.auth.argon2_memory_kib < self.MIN_ARGON2_KIB,
        }
        if found := [reason for reason, bad in unsafe.items() if bad]:
            raise ValueError("unsafe in production: " + "; ".join(found))
        return self

    @property
    def logs_json(self) -> bool:
        """Whether the log is for machines."""
        is_production = self.environment is Environment.PRODUCTION
        return self.log_format == "json" or (self.log_format == "auto" and is_production)

    @property
    def secure_cookies(self) -> bool:
        """Whether the site is served over HTTPS, so that cookies can be `Secure`."""
        return self.base_url.scheme == "https"

    @property
    def shows_dev_mailbox(self) -> bool:
        """Whether `/dev/mail` shows emails: not in production or over HTTPS, as they contain password reset links."""
        return self.environment is not Environment.PRODUCTION and not self.secure_cookies

    @property
    def shows_failures(self) -> bool:
        """Whether the page of an unexpected error shows the exception: only in development, and not over HTTPS."""
        return self.environment is Environment.DEVELOPMENT and not self.secure_cookies

    @cached_property
    def root_path(self) -> str:
        """Path of `BASE_URL` without the trailing slash, `/shop` or empty (ASGI's `root_path`)."""
        return (self.base_url.path or "").rstrip("/")

    @cached_property
    def allowed_origins(self) -> frozenset[str]:
        """Origins of front ends that may keep a refresh token in a cookie: of `BASE_URL` and SERVER_CORS_ORIGINS."""
        own = str(self.base_url).removesuffix(f"{self.root_path}/")
        return frozenset({own, *self.server.cors_origins} - {"*"})

    @cached_property
    def cookie_prefix(self) -> str:
        """Return the prefix of cookie names: projects on one host don't overwrite each other's cookies.

        Browsers send a host's cookies to all of its ports, and `__Host-` forbids a `Path` other than `/`.
        https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
        """
        port = "" if self.base_url.port in {80, 443} else str(self.base_url.port)
        parts = [port, *self.root_path.split("/")]
        if not self.secure_cookies:  # in development, several projects may use the same port in turn
            parts.insert(0, re.sub(r"[^a-z0-9]+", "-", self.project_name.lower()).strip("-"))
        return "__Host-" * self.secure_cookies + "".join(f"{part}." for part in parts if part)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by our own
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - replaced by our own
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then `.env`, the secrets directory and `PORT`."""
        ours = (read_env_file(variable_names()), read_secret_files(), read_platform_port())
        return init_settings, env_settings, *(MappingSettingsSource(settings_cls, values) for values in ours)


class Setting(NamedTuple):
    """One setting and the variable that sets it."""

    variable: str
    field: FieldInfo
    path: tuple[str, ...]

    @property
    def default(self) -> Any:  # noqa: ANN401 - any type a setting has
        """Return the default; undefined for a required setting."""
        return self.field.get_default(call_default_factory=True, validated_data={"server": ServerSettings()})

    def value_in(self, settings: Settings) -> Any:  # noqa: ANN401 - any type a setting has
        """Return the effective value."""
        value: Any = settings
        for name in self.path:
            value = getattr(value, name)
        return value


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - of any setting's type
    """Read the settings; `overrides` take precedence over all sources.

    Raises:
        pydantic.ValidationError: a setting is missing or invalid.
    """
    return Settings(**overrides)


def validation_errors(error: ValidationError) -> list[ErrorDetails]:
    """List the errors, without those of defaults that depend on an invalid setting."""
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
