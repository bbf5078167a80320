"""The HTTP client toward providers: connections, their pool, dialling.

The room's rule: an answer never reaches a request that did not ask for it, an incomplete body
is never taken for a whole one, and every failure is raised as one of ``core.attempt_errors``.
This room knows origins and bytes, but no provider and no dialect.

- ``permit``: leave to send requests to an origin, and how near its peer must be.
- ``request_head``: checks and writes the head of a request.
- ``response_head``: checks and reads the head of a response.
- ``connection``: one connection, which serves one request at a time.
- ``inflate``: unpacks a compressed body in bounded pieces.
- ``proxies``: which origin is reached through which proxy, and CONNECT.
- ``tls``: TLS over a socket, and which certificates are trusted.
- ``names``: looks names up, so that a silent name server holds up no other name.
- ``dial``: opens a connection to an origin.
- ``response``: reads the body of a response up to its announced end.
- ``pool``: keeps connections for the next request; an Exchange borrows a connection.
"""
