"""Endurance: a real Linx, providers that fail, clients that misbehave, for as long as is wanted; then nothing is left.

- ``plan``: what a request asks for, and the answer that it must get; clients and providers share it.
- ``providers``: a process with several fake providers and their faults.
- ``faces``: how each dialect asks, and what an answer in it says.
- ``clients``: how clients behave, and what is wrong with what they get.
- ``watch``: what is read from the running Linx while all of this goes on.
- ``verdict``: the rules, and the table that says which hold.
- ``hangups``: how soon a provider is stopped, measured by a program in Go that is faster than Linx.
"""
