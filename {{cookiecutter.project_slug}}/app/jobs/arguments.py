"""Arguments and results of jobs as JSON: validated by the annotations of the function, perhaps encrypted."""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, cast, get_type_hints

from cryptography.fernet import InvalidToken
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError, create_model

from app.jobs.errors import JobFailed, UnknownKey
from app.settings.keys import KeyRing

_PURPOSE = "outbox"  # as emails were encrypted before they became jobs, so that those are still readable


class ArgumentModel:
    """The parameters of a job's function, except the first, and its result."""

    def __init__(self, function: Callable[..., Awaitable[object]], name: str) -> None:
        """Check the parameters.

        Raises:
            TypeError: the function isn't async, or a parameter has no annotation or no name.
        """
        signature = inspect.signature(function)
        _, *parameters = signature.parameters.values()
        named = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
        if not inspect.iscoroutinefunction(function):
            message = f"the job {name} must be an async function"
            raise TypeError(message)
        if wrong := [item.name for item in parameters if item.kind not in named or item.annotation is item.empty]:
            message = f"the job {name} needs an annotation and a name for each parameter: {', '.join(wrong)}"
            raise TypeError(message)
        self.is_callable_without = all(item.default is not item.empty for item in parameters)
        self._function, self._name = function, name
        self._signature = signature.replace(parameters=parameters)

    def dump(self, *args: object, **kwargs: object) -> dict[str, JsonValue]:
        """Validate arguments and return them as they are stored."""
        given = self._signature.bind(*args, **kwargs).arguments
        return self._model.model_validate(given).model_dump(mode="json")

    def load(self, stored: object) -> Mapping[str, object]:
        """Return stored arguments as the function takes them.

        Raises:
            JobFailed: they don't match, as after a change of the function.
        """
        try:
            loaded = self._model.model_validate(stored)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            message = f"The stored arguments don't match the function: {wrong}"
            raise JobFailed(message) from None
        return {name: getattr(loaded, name) for name in type(loaded).model_fields}

    def dump_result(self, result: object) -> JsonValue:
        """Return a result as it is stored."""
        return cast(JsonValue, self._result_type.dump_python(result, mode="json"))

    @cached_property
    def _model(self) -> type[BaseModel]:
        hints = get_type_hints(self._function, include_extras=True)
        fields: dict[str, Any] = {
            name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in self._signature.parameters.items()
        }
        return create_model(self._name, **fields)

    @cached_property
    def _result_type(self) -> TypeAdapter[object]:
        return TypeAdapter(get_type_hints(self._function, include_extras=True).get("return", Any))


def encrypt(arguments: Mapping[str, JsonValue], keys: KeyRing) -> dict[str, JsonValue]:
    """Encrypt arguments that must not be readable in a database dump."""
    return {"encrypted": keys.encrypt(_PURPOSE, json.dumps(arguments).encode()).decode()}


def decrypt(stored: Any, keys: KeyRing) -> object:  # noqa: ANN401 - a JSON value
    """Decrypt arguments.

    Raises:
        UnknownKey: none of the current keys decrypts them.
    """
    try:
        return json.loads(keys.decrypt(_PURPOSE, stored["encrypted"].encode()))
    except (InvalidToken, LookupError, TypeError):
        message = "The stored arguments can't be decrypted: is a key missing in SECRET_KEY_FALLBACKS?"
        raise UnknownKey(message) from None
