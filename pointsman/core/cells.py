"""Shared cells: the extension where it was built, else its plain stand-in, which means the same."""
try:
    from pointsman.core._cells import Cells
except ImportError:
    from pointsman.core.plain_cells import Cells  # type: ignore[assignment]

__all__ = ["Cells"]
