"""The HTTP side toward clients: connections, requests and the way to answer them.

The room's rule: framing is strict, waiting is bounded, and one connection can harm no other.
It knows no path and no dialect: a handler is handed in, and so is what turns an error into
an answer.

- ``head``: the value that a request head becomes; the last head of a connection.
- ``cross_check``: h11 must read a head as the gate did.
- ``gate``: the bytes of a head, judged.
- ``refusal``: status lines, safe field values, and the server's own error answers.
- ``limits``: times and sizes, the deadline of each waiting connection, shared counts.
- ``wire``: the bytes of one connection: its one reader, its writer, its end.
- ``body``: the body of one request, within bounds.
- ``upgrade``: a connection that leaves HTTP, as a stream.
- ``request``: what a handler is given, Request and Reply.
- ``listener``: what the connections of one listener have in common.
- ``connection``: one client connection from its first byte to its last.
- ``sockets``: listening sockets, and how many files may be open.
- ``listen``: the accept loops, and how the server ends.
"""
