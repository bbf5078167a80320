"""How each contender is set up for speed, as its own documentation says, for one worker and without an access log.

- ``ours``: Linx, in several configurations.
- ``servers``: nginx and haproxy, which look at nothing.
- ``go_gateways``: Olla, llama-swap and Bifrost, where they are on PATH.
- ``gateways``: LiteLLM and Portkey, installed once outside the checkout, in the versions pinned there.
"""
