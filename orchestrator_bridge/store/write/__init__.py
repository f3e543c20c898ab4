"""From rows to SQL: one module a subject, one function a row."""
