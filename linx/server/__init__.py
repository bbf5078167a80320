"""The HTTP server toward clients: connections, requests and replies.

The room's rule: framing is strict, each wait has a limit, and no connection can harm another.
The server knows no path and no dialect: the handler is handed in, and so is the function that
turns an error into an answer.

- ``head``: a request head, and the last head of a connection.
- ``cross_check``: compares h11's reading of a head with the gate's.
- ``gate``: checks the bytes of a head and reads them.
- ``refusal``: status lines, safe field values, and the server's own error answers.
- ``limits``: times and sizes, the deadline of each waiting connection, shared counts.
- ``wire``: reads, writes and closes one connection.
- ``unpack``: unpacks a compressed body in bounded pieces.
- ``body``: the body of one request, within limits.
- ``upgrade``: a connection that has left HTTP, as a stream.
- ``reply``: the answer, as a handler writes it. ``request``: the request that a handler is given.
- ``listener``: what the connections of one listener have in common.
- ``connection``: one client connection from its first byte to its last.
- ``sockets``: listening sockets, and how many files may be open.
- ``listen``: the accept loops, and how the server ends.
"""
