"""HTTP/1.1 bytes, for both sides of Linx: chunked bodies, heads that come again, the transport."""
