"""The ledger: one row for each request, in a SQLite file of the user's, and what ``linx usage`` reads out of it.

The room's rule: numbers and names stand in the file, never a prompt, an answer or a key; and nothing that befalls the
file harms a request or waits for one. The event loop only appends to a list. All work with the file is done by one
thread at a time beside it.

- ``schema``: the tables, and the steps from each version of the file to the next.
- ``spending``: what budgets count, by day, provider and key; when days and months end.
- ``rows``: makes a row of the record of a request, and the sums of a batch.
- ``database``: the file itself; the only place that names sqlite3.
- ``period``: what ``--since`` may say.
- ``questions``: the questions of ``linx usage`` and their answers.
- ``writer``: what the thread does: write a batch, wait out a problem, delete what is too old.
- ``ledger``: the event loop's side: collects records, and calls the writer about once a second.
- ``today``: what the ledger has of today, for the dashboard.
- ``report``: shows an answer as a table, as JSON or as CSV.
- ``usage``: the command ``linx usage``.
"""
