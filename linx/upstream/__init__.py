"""The HTTP side toward providers: connections, their pool, dialling.

The room's rule: an answer can never reach a request that did not ask for it, a torn body is
never taken for a whole one, and every failure comes out as one of ``core.errors``. It knows
origins and bytes, but no provider and no dialect.

- ``request_head``: the head of a request, checked and written.
- ``response_head``: the head of a response, judged and read.
- ``connection``: one connection, one request at a time.
- ``inflate``: a compressed body, unpacked in bounded pieces.
- ``proxies``: which origin goes through which proxy, and CONNECT.
- ``tls``: TLS over a socket, and what is trusted.
- ``dial``: a new connection to an origin.
- ``response``: the body of a response, up to an honest end.
- ``pool``: connections kept for the next request; an Exchange borrows one.
"""
