"""The config: where it comes from, what it may say, and what is in force.

The room's rule: what is behind it is whole and checked, or there is an error of one line that
names the file, the key and the nearest known key. No value is ever repeated in an error, since
it may be a secret. A key of a file is a line in ``shape`` and stands nowhere else in this room.

- ``rules``: what single texts must look like: endpoints, hosts, keys, header fields.
- ``file``: which file, and its bytes as a tree of JSON.
- ``shape``: the keys, their types and defaults, and the JSON Schema.
- ``misfit``: what does not fit the shape, as a sentence.
- ``layers``: defaults, file, environment and flags laid over each other.
- ``model``: Config and ProviderConfig, which all other rooms read.
- ``provider_sections``, ``other_sections``: from the layered tree to the typed sections.
- ``load``: all of it in one call, and again at a reload.
- ``watch``: looks at the file now and then, and reads it again when it has changed.
"""
