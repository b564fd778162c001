"""JSON of the blogging API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.accounts.schemas import AccountUpdate, Email, Login, UsernameValue
from app.api.schemas import CamelCaseResponse, CamelCaseSchema, ResponseSchema, Schema, unset
from app.features.articles.schemas import ArticleCreate, ArticleUpdate
from app.features.tags.schemas import Name


class Registration(Login):
    """A new user."""

    username: UsernameValue


class UserUpdate(AccountUpdate):
    """Changes to your user."""

    email: Email = unset()


class NewArticle(ArticleCreate, CamelCaseSchema):
    """A new article, whose tags are created if they are new."""

    tag_list: list[Name] = Field(default_factory=list, max_length=100)


class ArticleChanges(ArticleUpdate, CamelCaseSchema):
    """Changes to an article."""

    tag_list: Annotated[list[Name], Field(max_length=100)] = unset()


class Filters(Schema):
    """Articles with a tag, by an author, or that are favorites of a user; which of them to return."""

    tag: str | None = None
    author: str | None = None
    favorited: str | None = None
    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class CurrentUser(ResponseSchema):
    """Your account, and the token to send as `Authorization: Token …`."""

    email: str
    username: str | None
    bio: str | None
    image: str | None
    token: str


class Profile(ResponseSchema):
    """What everyone sees of a user."""

    id: UUID = Field(exclude=True)
    username: str | None
    bio: str | None
    image: str | None
    following: bool


class Comment(CamelCaseResponse):
    """A comment on an article."""

    id: UUID
    body: str
    created_at: datetime
    updated_at: datetime
    author: Profile


class ArticlePreview(CamelCaseResponse):
    """An article without its text."""

    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: datetime
    updated_at: datetime
    favorited: bool
    favorites_count: int
    author: Profile


class Article(ArticlePreview):
    """An article."""

    body: str


class Articles(CamelCaseResponse):
    """Articles, and how many there are on all pages."""

    articles: list[ArticlePreview]
    articles_count: int
