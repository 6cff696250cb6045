"""The history of the schema, for alembic: one file for each revision, oldest first."""
