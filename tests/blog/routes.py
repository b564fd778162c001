"""Routes of the blogging API, under /api."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import delete, select

from app.accounts import events, users
from app.accounts.api.dependencies import AuthenticatorDep, ClientDep, CurrentScope, OptionalScope, accept_schemes
from app.accounts.lifecycle import email_links
from app.accounts.schemas import Login, SecondFactorRequired, UsernameValue
from app.accounts.sessions import login
from app.api.dependencies import DatabaseDep, SessionDep
from app.api.error_handlers import CustomErrorRoute, ProblemDetails
from app.database.missing_rows import insert_if_missing
from app.errors import InvalidRequest
from app.features.articles import service as articles
from app.features.articles.models import Article
from app.features.articles.schemas import ArticleCreate, ArticleSlug, ArticleUpdate
from app.features.blog import schemas, service
from app.features.comments import service as comments
from app.features.comments.models import Comment
from app.features.comments.schemas import CommentCreate
from app.features.favorites.models import Favorite
from app.features.follows.models import Follow
from app.features.follows.service import follows_for
from app.features.tags.models import Tag


class BlogRoute(CustomErrorRoute):
    """A route whose errors are `{"errors": {"title": ["…"]}}`; "body" has those of no field."""

    def error_response(self, problem: ProblemDetails) -> JSONResponse:
        """Return the response for an error."""
        errors = problem.messages or {"body": [problem.detail or problem.title]}
        return JSONResponse({"errors": errors}, problem.status)


TOKENS = accept_schemes("token", "bearer")
DENIED: dict[int | str, Any] = {401: {"description": "Invalid token"}}
router = APIRouter(prefix="/api", route_class=BlogRoute, dependencies=[TOKENS], responses=DENIED, tags=["blog"])
PUBLIC: dict[str, Any] = {"openapi_extra": {"security": [{}]}}
IN_USER = Body(embed=True, alias="user")
RegistrationBody = Annotated[schemas.Registration, IN_USER]
UserBody = Annotated[schemas.UserUpdate, IN_USER]
ArticleBody = Annotated[schemas.NewArticle, Body(embed=True, alias="article")]
ChangesBody = Annotated[schemas.ArticleChanges, Body(embed=True, alias="article")]
CommentBody = Annotated[CommentCreate, Body(embed=True, alias="comment")]
FilterQuery = Annotated[schemas.Filters, Query()]
OneUser = dict[str, schemas.CurrentUser]
OneProfile = dict[str, schemas.Profile]
OneArticle = dict[str, schemas.Article]
OneComment = dict[str, schemas.Comment]
SignedIn = OneUser | SecondFactorRequired


@router.post("/users", status_code=201)
async def register(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: RegistrationBody
) -> SignedIn:
    """Create a user and sign in. The email address isn't confirmed first."""
    await email_links.hit_client_limit(authenticator, client)
    password, names = data.password.get_secret_value(), {"username": data.username, "display_name": data.username}
    async with database.sessions.begin() as session:
        user = await users.create_user(session, authenticator, email=data.email, password=password, **names)
        await events.record(session, events.Event.USER_CREATED, client, user_id=user.id)
    return await sign_in(database, authenticator, client, data)


@router.post("/users/login")
async def sign_in(
    database: DatabaseDep, authenticator: AuthenticatorDep, client: ClientDep, data: Annotated[Login, IN_USER]
) -> SignedIn:
    """Sign in. If your account has a second factor, the response is its challenge, as of `/api/v1/auth/login`."""
    user = await login.authenticate(database, authenticator, data.email, data.password.get_secret_value(), client)
    tokens = await login.login(database, authenticator, user, client)
    if isinstance(tokens, SecondFactorRequired):
        return tokens
    return {"user": schemas.CurrentUser.model_validate({**vars(user), "token": tokens.access_token})}


@router.get("/user")
async def show_user(session: SessionDep, scope: CurrentScope, request: Request) -> OneUser:
    """Get your user."""
    token = request.headers["authorization"].split()[-1]
    account = await users.get_account(session, scope)
    return {"user": schemas.CurrentUser.model_validate({**vars(account), "token": token})}


@router.put("/user")
async def edit_user(session: SessionDep, scope: CurrentScope, request: Request, data: UserBody) -> OneUser:
    """Update your user. Its email address and password are changed elsewhere, because that takes confirmation."""
    if data.email not in {None, scope.email}:
        raise InvalidRequest("Change your email address with /api/v1/auth/email/change.")
    await users.update_account(session, await users.get_account(session, scope), data)
    return await show_user(session, scope, request)


@router.get("/profiles/{username}", **PUBLIC)
async def show_profile(session: SessionDep, scope: OptionalScope, username: UsernameValue) -> OneProfile:
    """Get what everyone sees of a user."""
    return {"profile": await service.get_profile(session, scope, username)}


@router.post("/profiles/{username}/follow")
async def follow(session: SessionDep, scope: CurrentScope, username: UsernameValue) -> OneProfile:
    """Follow a user."""
    user = await service.get_profile(session, scope, username)
    await insert_if_missing(session, Follow, {"owner_id": scope.user_id, "user_id": user.id})
    return await show_profile(session, scope, username)


@router.delete("/profiles/{username}/follow")
async def unfollow(session: SessionDep, scope: CurrentScope, username: UsernameValue) -> OneProfile:
    """Stop following a user."""
    user = await service.get_profile(session, scope, username)
    await session.execute(delete(Follow).where(Follow.owner_id == scope.user_id, Follow.user_id == user.id))
    return await show_profile(session, scope, username)


@router.get("/articles", **PUBLIC)
async def show_articles(session: SessionDep, scope: OptionalScope, filters: FilterQuery) -> schemas.Articles:
    """List articles, newest first."""
    return await service.list_articles(session, scope, filters)


@router.get("/articles/feed")
async def show_feed(session: SessionDep, scope: CurrentScope, filters: FilterQuery) -> schemas.Articles:
    """List the articles of those whom you follow, newest first."""
    authors = follows_for(scope).with_only_columns(Follow.user_id)
    return await service.list_articles(session, scope, filters, Article.owner_id.in_(authors))


@router.get("/articles/{slug}", **PUBLIC)
async def show_article(session: SessionDep, scope: OptionalScope, slug: ArticleSlug) -> OneArticle:
    """Get an article."""
    article = await articles.get_article(session, scope, slug)
    query = articles.articles_for(scope).where(Article.id == article.id)
    return {"article": (await service.read_articles(session, scope, query))[0]}


@router.post("/articles", status_code=201)
async def publish_article(session: SessionDep, scope: CurrentScope, data: ArticleBody) -> OneArticle:
    """Create an article."""
    tag_ids = [*data.tag_ids, *await service.add_tags(session, data.tag_list)]
    new = ArticleCreate(**data.model_dump(exclude={"tag_ids", "tag_list"}), tag_ids=tag_ids)
    article = await articles.create_article(session, scope, new)
    return await show_article(session, scope, article.slug)


@router.put("/articles/{slug}")
async def edit_article(session: SessionDep, scope: CurrentScope, slug: ArticleSlug, data: ChangesBody) -> OneArticle:
    """Update one of your articles. Its slug stays the same."""
    article = await articles.get_editable_article(session, scope, slug)
    changes = data.model_dump(exclude={"tag_list"}, exclude_unset=True)
    if data.tag_list is not None:
        changes["tag_ids"] = await service.add_tags(session, data.tag_list)
    await articles.update_article(session, scope, article, ArticleUpdate(**changes))
    return await show_article(session, scope, slug)


@router.delete("/articles/{slug}", status_code=204)
async def remove_article(session: SessionDep, scope: CurrentScope, slug: ArticleSlug) -> None:
    """Delete one of your articles."""
    await articles.delete_article(session, await articles.get_editable_article(session, scope, slug))


@router.post("/articles/{slug}/favorite")
async def favorite(session: SessionDep, scope: CurrentScope, slug: ArticleSlug) -> OneArticle:
    """Make an article your favorite."""
    article = await articles.get_article(session, scope, slug)
    await insert_if_missing(session, Favorite, {"owner_id": scope.user_id, "article_id": article.id})
    return await show_article(session, scope, slug)


@router.delete("/articles/{slug}/favorite")
async def unfavorite(session: SessionDep, scope: CurrentScope, slug: ArticleSlug) -> OneArticle:
    """Make an article no favorite of yours."""
    article = await articles.get_article(session, scope, slug)
    await session.execute(delete(Favorite).where(Favorite.owner_id == scope.user_id, Favorite.article_id == article.id))
    return await show_article(session, scope, slug)


@router.get("/articles/{slug}/comments", **PUBLIC)
async def show_thread(session: SessionDep, scope: OptionalScope, slug: ArticleSlug) -> dict[str, list[schemas.Comment]]:
    """List the newest comments on an article."""
    article = await articles.get_article(session, scope, slug)
    return {"comments": await service.read_comments(session, scope, Comment.article_id == article.id)}


@router.post("/articles/{slug}/comments", status_code=201)
async def add_comment(session: SessionDep, scope: CurrentScope, slug: ArticleSlug, data: CommentBody) -> OneComment:
    """Comment on an article."""
    comment = await comments.create_comment(session, scope, slug, data)
    return {"comment": (await service.read_comments(session, scope, Comment.id == comment.id))[0]}


@router.delete("/articles/{slug}/comments/{comment_id}", status_code=204)
async def remove_comment(session: SessionDep, scope: CurrentScope, slug: ArticleSlug, comment_id: UUID) -> None:
    """Delete one of your comments."""
    await comments.delete_comment(session, await comments.get_editable_comment(session, scope, slug, comment_id))


@router.get("/tags", **PUBLIC)
async def show_tags(session: SessionDep) -> dict[str, list[str]]:
    """List up to 1,000 tags by name."""
    return {"tags": [*await session.scalars(select(Tag.name).order_by(Tag.name).limit(1000))]}
