"""The dashboard's side in Linx: what its page is, what it is told, and what the charts show.

The room's rule: nothing here is waited for. A page that does not keep up gets a fresh snapshot, and while no page is
open nothing is encoded.

- ``static_files``: the page itself, read once. ``rows``: a request as the page is shown it.
- ``series``: the last hour in steps. ``totals``: today. ``activity``: both, counted as requests end.
- ``frames``: frames of a WebSocket. ``viewers``: what each open page has not been sent yet.
- ``hub``: finds what has changed, for all pages at once. ``feed``: one WebSocket.
- ``details``: the bodies of one request as they are shown.
- ``dashboard``: all of them in one object.

The page's own files are in ``static``.
"""
