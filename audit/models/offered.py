"""Methods that only some objects of a class have; scikit-learn's own decorator would import all of it first."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, TypeVar, cast

Method = TypeVar("Method", bound=Callable[..., object])


class _Offered:
    """A method that is there while a condition holds."""

    def __init__(self, method: Callable[..., object], condition: Callable[[Any], bool]) -> None:
        self._method, self._condition = method, condition
        self.__doc__ = method.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> object:
        if instance is None:
            return self._method
        missing = f"{type(instance).__name__!r} has no attribute {self._method.__name__!r}"
        try:
            offered = self._condition(instance)
        except Exception as error:
            raise AttributeError(missing) from error
        if not offered:
            raise AttributeError(missing)
        return MethodType(self._method, instance)


def available_if(condition: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Offer a method only on objects that meet a condition; on others ``hasattr`` is false.

    Examples
    --------
    >>> class Model:
    ...     probable = False
    ...
    ...     @available_if(lambda self: self.probable)
    ...     def predict_proba(self) -> str:
    ...         return "shares"
    >>> model = Model()
    >>> hasattr(model, "predict_proba")
    False
    >>> model.probable = True
    >>> model.predict_proba()
    'shares'
    """

    def offered(method: Method) -> Method:
        return cast("Method", _Offered(method, condition))

    return offered
