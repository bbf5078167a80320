"""What all other rooms use.

The room's rule: it imports nothing from the other rooms of Linx, and knows no provider, no
dialect and no socket.

- ``addresses``: hosts and origins, and which hosts are near (on this machine or network).
- ``secret_shapes``: finds secrets in a text by their shapes.
- ``chat``: a chat request and its answer, in no dialect.
- ``errors``: what every failure has in common, and the failures that are the request's own fault.
- ``attempt_errors``: every way an attempt at a provider can fail, and what each failure means.
- ``jsontext_pieces``: JSON of any size, read and written in steps.
- ``redaction``: takes secrets out of a text.
- ``worker``: work that takes long, in a thread.
- ``jsontext``: reads and writes JSON; the only file that imports a JSON library.
- ``known_tools``: the tools of an agent, which are the same in each of its requests.
- ``kept_bodies``: the bodies of the last requests, for the dashboard.
- ``durations``: histograms and buckets of durations.
- ``telemetry``: counters, and the records of requests.
- ``client_key``: the key that a client sends: its name and its limits.
- ``client_name``: the short name of a client's program, from its User-Agent.
- ``request_line``: the line that every request leaves, as fields and as text.
- ``binary``: whether this Linx is the single binary, which file that is, and what it has unpacked.
- ``folders``: where files of Linx's own belong.
- ``watchdog``: how long the event loop stood still.
- ``log_stream``: standard error, written without waiting for its reader.
- ``log``: the log, as text or as JSON, cleaned of secrets.
- ``request_feed``: writes the request lines, and passes them on to those who follow them.
"""
