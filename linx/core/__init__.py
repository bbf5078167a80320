"""What every other room uses and what uses none of them.

The room's rule: it imports nothing of Linx above it, and knows no provider, no dialect and no
socket.

- ``addresses``: hosts and origins, and which hosts are near.
- ``chat``: a chat request and its answer, in no dialect.
- ``errors``: every way Linx can fail, and what each failure means.
- ``jsontext_pieces``: JSON of any size, read and written in steps.
- ``redaction``: secrets are taken out of a text.
- ``worker``: work that takes long, in a thread.
- ``jsontext``: JSON in and out; the one file that names a JSON library.
- ``telemetry``: counters, histograms and the records of requests.
- ``folders``: where files of Linx's own belong.
- ``log``: the log, as text or as JSON, cleaned of secrets.
"""
