"""Throws mutated bytes at everything that reads what comes from outside.

python -m benchmarks.fuzz --list
python -m benchmarks.fuzz TARGET ... [--seconds 60] [--seed 1] [--corpus DIR]
python -m benchmarks.fuzz.framing          heads and chunked bodies, a million cases beside all of h11
python -m benchmarks.fuzz.mutants          the bad requests of the corpus, mutated, beside h11 and llhttp

Where atheris is installed (``pip install atheris``), it chooses the bytes by the branches that they reach; elsewhere,
or with ``--plain``, a mutator with a seed does.

- ``choices``: reads decisions out of bytes, so that mutated bytes become another case of the same grammar.
- ``bodies``: bodies that are almost right, made by such decisions.
- ``framing``: HTTP heads and chunked bodies, compared with h11.
- ``mutants``: streams of requests, compared with h11 and with llhttp.
- ``frames``: SSE, NDJSON and JSON, compared with short references.
- ``requests``: what clients send, in each dialect, and the config file.
- ``answers``: what providers send, in each dialect, and how it reaches each client.
- ``targets``: all of them by name.
"""
