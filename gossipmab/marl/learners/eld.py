"""Any learner under a price on unequal outcomes, as one class of flat hyperparameters: the learner's own and the price's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_type_hints

from gossipmab.marl.price import PriceTerms
from gossipmab.utils.errors import InputError


@cache
def under_price(backbone: type) -> type:
    """The class `ELD` + the backbone's name: a NamedTuple that plays as the backbone and has `terms` of the price.

    `credit` is by default the backbone's own, "identity" for decentralised learners, "team" for central critics.
    """
    kind: Any = backbone
    hints = get_type_hints(backbone, include_extras=True) | get_type_hints(PriceTerms, include_extras=True)
    defaults = kind._field_defaults | PriceTerms._field_defaults | {"credit": kind.default_credit}
    named_tuple: Any = NamedTuple  # mypy knows no fields that are computed
    made = named_tuple(f"ELD{backbone.__name__}", list(hints.items()))
    made.__new__.__defaults__ = tuple(defaults[name] for name in made._fields)
    made._field_defaults = {name: defaults[name] for name in made._fields}
    made.__module__ = backbone.__module__
    made.__doc__ = (
        f"{kind.title} under the Equity-Lagrangian Dual: hyperparameters of {backbone.__name__}, then `PriceTerms`.\n\n"
        f"    >>> gm.marl.{made.__name__}(cap=12.0).terms.cap\n    12.0\n    "
    )
    made.title = f"ELD {kind.title}"
    for name in ("uniforms", "default_credit", "communicates"):
        if hasattr(kind, name):
            setattr(made, name, getattr(kind, name))
    made.backbone = property(lambda self: kind(*self[: len(kind._fields)]))
    made.terms = property(lambda self: PriceTerms(*self[len(kind._fields) :]))
    made.check = _check
    for name in ("init", "begin", "select", "update"):
        setattr(made, name, _of_backbone(name))
    return made  # type: ignore[no-any-return]


def _check(self: Any) -> None:
    """Raise InputError for what would leave the price without effect.

    A team's reward is charged in every step, whatever its agents pay for. Elsewhere a single episode has a cost that is the same
    in all of its steps, which no advantage notices.
    """
    if not getattr(self.backbone, "team_reward", False):
        if self.environments < 2:
            raise InputError(f"environments: got {self.environments}, allowed under a price are 2 or more: it compares episodes")
        return
    for name, allowed in (("credit", "team"), ("alpha", 0.0), ("equity_discount", 1.0)):
        if getattr(self, name) != allowed:
            raise InputError(f"{name}: got {getattr(self, name)!r}, allowed for {type(self).__name__} is {allowed!r}")


def _of_backbone(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        return getattr(self.backbone, name)(*args)

    method.__name__ = name
    return method
