"""The kinds of values that a configuration holds, and the schema that a constructor's parameters spell out."""

from __future__ import annotations

import functools
import inspect
import typing
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from ufh_cli.configuration.errors import InputError
from ufh_cli.configuration.values import fitted


def none_word(value: Any) -> Any:
    """``none`` of the command line, which TOML does not have."""
    return None if value == "none" else value


def _word(value: Any) -> Any:
    return str(value) if type(value) is int else value


def _tuples(value: Any) -> Any:
    """Lists, also in each other, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _listed(hint: Any) -> BeforeValidator:
    """For an option that is a tuple: the list of TOML, of the right length."""
    of = typing.get_args(hint)
    wanted = "a list" if ... in of else f"a list of {len(of)}"

    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple) or not (... in of or len(value) == len(of)):
            raise PydanticCustomError("list", f"must be {wanted}")
        return _tuples(value)

    return BeforeValidator(check)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2.0**63 else value


Whole = Annotated[int, BeforeValidator(_whole)]  # also written 1e6
OptionalWhole = Annotated[int | None, BeforeValidator(none_word), BeforeValidator(_whole)]
OptionalFloat = Annotated[float | None, BeforeValidator(none_word)]
OptionalText = Annotated[str | None, BeforeValidator(none_word)]
OptionalFloats = Annotated[tuple[float, ...] | None, BeforeValidator(_tuples), BeforeValidator(none_word)]


class Section(BaseModel):
    """A table of a configuration: strict, and without a key that it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_what_is_given(cls, tables: Any) -> Any:
        """What the command line gave becomes a value now that it is known which kind is wanted."""
        return fitted(tables, cls) if isinstance(tables, dict) else tables


@functools.lru_cache(maxsize=64)
def options_model(cls: type) -> type[BaseModel]:
    """The schema that the keyword-only parameters of a constructor spell out.

    Raises
    ------
    InputError
        When one of them has no type, or one that no configuration can hold, or is not keyword-only.
    """
    constructor = f"{cls.__name__}.__init__"
    try:
        hints = typing.get_type_hints(cls.__init__)  # type: ignore[misc]
    except Exception as error:  # whatever stands there
        raise InputError(f"{constructor}: its types cannot be read: {error}") from error
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:  # type: ignore[misc]
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise InputError(
                f"{constructor}: {name} is no option: options are keyword-only, write (self, *, {name}: …)"
            )
        if name not in hints:
            raise InputError(f"{constructor}: the option {name} has no type: write one, such as {name}: int")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (_option_type(hints[name]), default)
        try:
            TypeAdapter(hints[name])
        except PydanticUserError as error:
            raise InputError(
                f"{constructor}: the option {name} cannot be written in a configuration: its type must be int, float, "
                f"bool, str or a tuple of them, not {_name(hints[name])}"
            ) from error
        if default not in (..., None) and not _fits(default, fields[name][0]):
            raise InputError(f"{constructor}: the option {name} is no {_name(hints[name])} by default, but {default!r}")
    return create_model(cls.__name__, __base__=Section, **fields)


def _name(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint))


def _fits(value: Any, kind: Any) -> bool:
    try:
        TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError:
        return False
    return True


def _option_type(hint: Any) -> Any:
    """The type of an option as it is checked: the command line has no quotes, and writes lists with commas."""
    if hint is int:
        return Whole
    if typing.get_origin(hint) is Literal and all(isinstance(word, str) for word in typing.get_args(hint)):
        return Annotated[hint, BeforeValidator(_word)]  # 0 for "0"
    if hint is str:
        return Annotated[str, BeforeValidator(_word)]
    if typing.get_origin(hint) is tuple:
        return Annotated[hint, _listed(hint)]
    if any(typing.get_origin(one) is tuple for one in typing.get_args(hint)):
        return Annotated[hint, BeforeValidator(_tuples)]
    if type(None) in typing.get_args(hint):
        return Annotated[hint, BeforeValidator(none_word)]
    return hint
