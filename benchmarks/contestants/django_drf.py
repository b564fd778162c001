"""Django REST framework, with a count and OFFSET pagination."""

import os
from typing import Any, ClassVar
from urllib.parse import urlsplit

import django
from django.conf import settings

_url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _url.path.removeprefix("/"),
            "USER": _url.username,
            "PASSWORD": _url.password or "",
            "HOST": _url.hostname,
            "PORT": _url.port,
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["SECRET_KEY"],
    TIME_ZONE="UTC",
    USE_TZ=True,
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - wants the settings
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from rest_framework import (  # noqa: E402  # noqa: E402
    authentication,
    exceptions,
    generics,
    pagination,
    permissions,
    serializers,
    views,
)
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from uuid_utils.compat import uuid7  # noqa: E402

from benchmarks.contestants import passwords, tokens  # noqa: E402
from benchmarks.contestants.cursors import PAGE  # noqa: E402


class Row(models.Model):
    """Columns of all tables."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Abstract."""

        abstract = True


class User(Row):
    """A user."""

    email = models.CharField(max_length=320)
    email_verified_at = models.DateTimeField(null=True)
    password_hash = models.CharField(max_length=255)
    display_name = models.CharField(max_length=120)
    locale = models.CharField(max_length=35, null=True)  # noqa: DJ001 - the project's column
    is_active = models.BooleanField()
    last_login_at = models.DateTimeField(null=True)
    is_authenticated = True

    class Meta:
        """The project's table."""

        app_label, db_table, managed = "bench", "users", False


class Item(Row):
    """An item of a user."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    body = models.TextField()

    class Meta:
        """The project's table."""

        app_label, db_table, managed = "bench", "items", False


class AccountSerializer(serializers.ModelSerializer):
    """The caller."""

    class Meta:
        """Fields."""

        model = User
        fields = (
            *("id", "version", "created_at", "updated_at"),
            *("email", "email_verified_at", "display_name", "locale", "last_login_at"),
        )


class ItemSerializer(serializers.ModelSerializer):
    """An item."""

    class Meta:
        """Fields."""

        model = Item
        fields = ("id", "version", "created_at", "updated_at", "title", "body")
        read_only_fields = ("id", "version", "created_at", "updated_at")


class Bearer(authentication.BaseAuthentication):
    """Token authentication."""

    def authenticate(self, request: Request) -> tuple[User, None]:
        """Load the caller."""
        try:
            key = tokens.verify_header(request.headers.get("Authorization"))
            return User.objects.get(id=key, is_active=True), None
        except (tokens.InvalidToken, User.DoesNotExist) as error:
            raise exceptions.AuthenticationFailed from error


class Pages(pagination.LimitOffsetPagination):
    """A page of items and the total count."""

    default_limit = PAGE

    def get_paginated_response(self, data: Any) -> Response:  # noqa: ANN401 - serialized
        """Return the field names of the other apps."""
        return Response({"items": data, "count": self.count})


class Authenticated(views.APIView):
    """Requires a token."""

    authentication_classes: ClassVar = [Bearer]
    permission_classes: ClassVar = [permissions.IsAuthenticated]


class Live(views.APIView):
    """Response of the liveness probe."""

    def get(self, _: Request) -> Response:
        """Return it."""
        return Response({"status": "live"})


class Hello(views.APIView):
    """A greeting."""

    def get(self, _: Request) -> Response:
        """Say hello."""
        return Response({"message": "Hello"})


class Me(Authenticated):
    """The caller."""

    def get(self, request: Request) -> Response:
        """Read the account."""
        return Response(AccountSerializer(request.user).data)


class Items(Authenticated, generics.ListCreateAPIView):
    """The caller's items, newest first."""

    serializer_class = ItemSerializer
    pagination_class = Pages

    def get_queryset(self) -> Any:  # noqa: ANN401 - not known here
        """Select them."""
        return Item.objects.filter(owner=self.request.user).order_by("-id")

    def perform_create(self, serializer: ItemSerializer) -> None:
        """Create one."""
        serializer.save(owner=self.request.user)


class OneItem(Authenticated, generics.RetrieveUpdateAPIView):
    """One of the caller's items."""

    serializer_class = ItemSerializer

    def get_queryset(self) -> Any:  # noqa: ANN401 - not known here
        """Select them."""
        return Item.objects.filter(owner=self.request.user)

    def perform_update(self, serializer: ItemSerializer) -> None:
        """Update it if its version matches."""
        version = serializer.instance.version
        if self.request.headers["If-Match"] != f'"{version}"':
            raise exceptions.ValidationError
        serializer.save(version=version + 1, updated_at=timezone.now())


class Login(views.APIView):
    """Exchange a password for a token."""

    def post(self, request: Request) -> Response:
        """Verify the password."""
        user = User.objects.filter(email=request.data["email"]).first()
        if user is None or not passwords.check_here(request.data["password"], user.password_hash):
            raise exceptions.AuthenticationFailed
        return Response({"access_token": tokens.issue(user.id), "token_type": "bearer"})


urlpatterns = [
    path("health/live", Live.as_view()),
    path("api/v1/hello", Hello.as_view()),
    path("api/v1/users/me", Me.as_view()),
    path("api/v1/items", Items.as_view()),
    path("api/v1/items/<uuid:pk>", OneItem.as_view()),
    path("api/v1/auth/login", Login.as_view()),
]
app = get_wsgi_application()
