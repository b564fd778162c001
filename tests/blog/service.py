"""Queries of the blogging API: articles, comments and profiles as the caller sees them."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from app.accounts.models import User
from app.accounts.scope import Scope
from app.accounts.users import UserNotFound
from app.database.missing_rows import insert_if_missing
from app.features.articles.models import Article
from app.features.articles.service import articles_for
from app.features.blog import schemas
from app.features.comments.models import Comment
from app.features.comments.service import comments_for
from app.features.favorites.models import Favorite
from app.features.favorites.service import favorites_for
from app.features.follows.models import Follow
from app.features.follows.service import follows_for
from app.features.tags.models import Tag


async def get_profile(session: AsyncSession, scope: Scope | None, username: str) -> schemas.Profile:
    """Return what everyone sees of an active user."""
    active = select(User, _follows(scope, User.id)).where(User.is_active, User.email_verified_at.is_not(None))
    row = (await session.execute(active.where(User.username == username))).one_or_none()
    if row is None:
        raise UserNotFound
    return _profile(*row)


async def list_articles(
    session: AsyncSession, scope: Scope | None, filters: schemas.Filters, *conditions: ColumnElement[bool]
) -> schemas.Articles:
    """Return the articles that match all filters and conditions, newest first."""
    theirs = select(Favorite.article_id).where(Favorite.owner.has(User.username == filters.favorited))
    matches = [
        (filters.tag, Article.tags.any(Tag.name == filters.tag)),
        (filters.author, Article.owner.has(User.username == filters.author)),
        (filters.favorited, Article.id.in_(theirs)),
    ]
    query = articles_for(scope).where(*conditions, *(condition for value, condition in matches if value))
    count = (await session.scalars(select(func.count()).select_from(query.subquery()))).one()
    query = query.order_by(Article.id.desc()).limit(filters.limit).offset(filters.offset)
    return schemas.Articles(articles=await read_articles(session, scope, query), articles_count=count)


async def read_articles(session: AsyncSession, scope: Scope | None, query: Select[Article]) -> list[schemas.Article]:
    """Return the articles that a query selects."""
    is_its = Favorite.article_id == Article.id
    count = select(func.count()).select_from(Favorite).where(is_its).scalar_subquery()
    favorited = favorites_for(scope).where(is_its).exists() if scope else false()
    query = query.options(joinedload(Article.owner))
    rows = await session.execute(query.add_columns(count, favorited, _follows(scope, Article.owner_id)))
    return [_article(*row) for row in rows]


async def read_comments(session: AsyncSession, scope: Scope | None, of: ColumnElement[bool]) -> list[schemas.Comment]:
    """Return the newest 500 comments that meet a condition."""
    query = comments_for(scope).where(of).order_by(Comment.id.desc()).limit(500).options(joinedload(Comment.owner))
    rows = await session.execute(query.add_columns(_follows(scope, Comment.owner_id)))
    return [schemas.Comment.model_validate({**vars(row[0]), "author": _profile(row[0].owner, row[1])}) for row in rows]


async def add_tags(session: AsyncSession, names: list[str]) -> list[UUID]:
    """Return the IDs of tags, which are created if they are new."""
    for name in sorted({*names}):
        await insert_if_missing(session, Tag, {"name": name})
    return [*await session.scalars(select(Tag.id).where(Tag.name.in_(names)))]


def _article(article: Article, count: int, favorited: bool, following: bool) -> schemas.Article:  # noqa: FBT001
    added = {"tag_list": [tag.name for tag in article.tags], "favorites_count": count, "favorited": favorited}
    return schemas.Article.model_validate({**vars(article), **added, "author": _profile(article.owner, following)})


def _profile(user: User, following: bool) -> schemas.Profile:  # noqa: FBT001 - a column of the query
    return schemas.Profile.model_validate({**vars(user), "following": following})


def _follows(scope: Scope | None, user_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    return follows_for(scope).where(Follow.user_id == user_id).exists() if scope else false()
