"""What all ways to make a value have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from pydantic import model_validator

from strongroom.domain.errors import InvalidInput
from strongroom.domain.generation import FieldPolicy, Generate
from strongroom.kinds.shapes import Shape


class Policy(Shape, ABC):
    """One way to make a value."""

    @abstractmethod
    def to_domain(self) -> Generate | FieldPolicy:
        """Return the same in domain words. Raises InvalidInput for combinations that no value can satisfy."""

    @model_validator(mode="after")
    def _satisfiable(self) -> Self:
        """Asked here, where pydantic knows the path to this policy."""
        try:
            self.to_domain()
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return self
