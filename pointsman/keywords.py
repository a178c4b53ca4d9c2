"""Imports every module that registers something, by name: nothing scans folders. Keep the list sorted."""
import pointsman.config.environment  # noqa: F401
