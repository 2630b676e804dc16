"""Import XGBoost where trees are needed, and say what to do where it is absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dropback.errors import RequestError

if TYPE_CHECKING:
    from types import ModuleType


def xgboost_package() -> ModuleType:
    """XGBoost, which takes half a second to import.

    Raises:
        RequestError: It is not installed, or cannot be loaded.
    """
    try:
        import xgboost  # noqa: PLC0415  # half a second that only trees need
    except ImportError as error:
        raise RequestError(
            f"Boosted trees need XGBoost, which cannot be imported here ({error}): install it with "
            "`pip install xgboost-cpu` on Linux, `pip install xgboost` elsewhere."
        ) from error
    package: ModuleType = xgboost
    return package
