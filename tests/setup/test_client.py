"""What a client is, as a value: what it leaves out has a meaning."""

from __future__ import annotations

from linx.setup.client import Client, Launch, Run
from linx.setup.target import Target


def test_a_client_of_which_little_is_known() -> None:
    client = Client("x", "X", lambda _target: ["click"], Launch("x", "install x"))
    assert client.edits is None
    assert client.launch.run is None
    assert client.left_to_do(Target("http://h")) == []
    assert (client.aliases, client.needs_tunnel, client.prompt_tokens) == ((), False, 0)
    assert Run() == Run((), (), ())
