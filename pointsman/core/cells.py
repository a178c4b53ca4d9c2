"""Which cells there are: those of the extension, or where that was not built plain ones, which mean the same and are
slower."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pointsman.core._cells import Cells, row_type
else:
    try:
        from pointsman.core._cells import Cells, row_type
    except ImportError:  # no compiler was at hand
        from pointsman.core.plain_cells import Cells, row_type

__all__ = ["BUILT", "Cells", "row_type"]

BUILT: Final = Cells.__module__.endswith("_cells") and not Cells.__module__.endswith("plain_cells")
