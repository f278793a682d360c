"""What a transform of a model is, whatever it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["Transform"]

Site_co = TypeVar("Site_co", covariant=True)
Change_contra = TypeVar("Change_contra", contravariant=True)


class Transform(Protocol[Site_co, Change_contra]):
    """Finds the layers of a torch model that it can change, and changes those of a plan."""

    def sites(self, model: Any) -> Sequence[Site_co]:
        """The layers that it can change, in the model's order."""
        ...

    def apply(self, model: Any, plan: Mapping[str, Change_contra]) -> Any:
        """A copy of `model` with the planned layers changed, by name; `model` stays as it is.

        A layer that can't be changed is left alone, and named on the card that the copy carries.
        Raises InputError for a name that is no layer.
        """
        ...
