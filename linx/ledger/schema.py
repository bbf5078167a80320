"""The tables of the ledger's file, and the steps that bring an older file up to date.

``requests`` has a row for each request. ``days`` has the sums of each day, so that a question over years reads a few
thousand rows and not a million; ``estimates`` has what budgets have counted beside them, where no provider has
reported what an attempt cost. All change in the same transaction. A day is a number such as 20260131, of the local
time in which the row was written. Texts are never null, since they are part of keys: "" where there is nothing to say.
"""

from __future__ import annotations

APPLICATION_ID = 0x4C494E58  # "LINX", by which the file is told from another program's database

_REQUESTS = """
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    started REAL NOT NULL,
    key TEXT NOT NULL,
    client TEXT NOT NULL,
    face TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    served_model TEXT NOT NULL,
    is_local INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    attempts TEXT NOT NULL,
    first_token_ms INTEGER,
    duration_ms INTEGER NOT NULL,
    prompt_tokens INTEGER,
    cached_tokens INTEGER,
    completion_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_usd REAL,
    compare_usd REAL
)"""
_DAYS = """
CREATE TABLE days (
    day INTEGER NOT NULL,
    key TEXT NOT NULL,
    client TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    served_model TEXT NOT NULL,
    is_local INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL,
    saved_usd REAL NOT NULL,
    PRIMARY KEY (day, key, client, model, provider, served_model, is_local)
) WITHOUT ROWID"""

_ESTIMATES = """
CREATE TABLE estimates (
    day INTEGER NOT NULL,
    provider TEXT NOT NULL,
    key TEXT NOT NULL,
    usd REAL NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (day, provider, key)
) WITHOUT ROWID"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (_REQUESTS, "CREATE INDEX requests_by_day ON requests (day, started)", _DAYS),
    (_ESTIMATES,),
)
"""The statements that lead from version 0, the empty file, to version 1, and so on. What has been released is never
changed: a new version is one more entry."""
