"""Bytes to rows: one module a source."""
