"""HTTP/1.1 bytes, for both sides of Linx.

The room's rule: what is here is as true of a client as of a provider, and as strict toward
both. Nothing but ``transport`` does I/O.

- ``grammar``: the parts of HTTP's grammar that several files read.
- ``chunked``: chunked bodies.
- ``h11_heads``: heads as h11 reads them; the one file that names h11.
- ``repeated_head``: a head that comes again on its connection.
- ``transport``: the bytes below HTTP.
"""
