"""HTTP/1.1, as far as it is the same toward clients and toward providers.

The room's rule: everything here is as strict toward a provider as toward a client. Only
``transport`` does I/O.

- ``grammar``: the parts of HTTP's grammar that several files use.
- ``chunked``: chunked bodies.
- ``h11_heads``: heads as h11 reads them; the only file that imports h11.
- ``repeated_head``: recognises a head that comes again on its connection.
- ``transport``: reads and writes the bytes of a connection.
"""
