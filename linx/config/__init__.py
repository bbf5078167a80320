"""The config: where it comes from, what it may say, and what is in force.

The room's rule: other rooms get a config that is complete and checked, or an error of one line
that names the file, the key and the nearest known key. An error never repeats a value, since
the value may be a secret. Each key of the file is declared once, as a line in ``shape``.

- ``rules``: what single texts must look like: keys, header fields, paths, durations.
- ``endpoint_rules``: what endpoints and hosts must look like, and which of them is Linx itself.
- ``file``: finds the file and reads it into a tree of JSON.
- ``text_edit``: puts values into a JSON text, or takes them out, and leaves the rest as it is.
- ``save``: writes a file whole or not at all.
- ``shape``: the keys, their types and defaults, and the JSON Schema.
- ``misfit``: turns a value that does not fit the shape into an error for people.
- ``key_edit``: adds named keys to the text of a file, and takes them out.
- ``layers``: lays defaults, file, environment and flags over each other.
- ``model``: Config and ProviderConfig, which all other rooms read.
- ``provider_sections``, ``other_sections``: make the typed sections out of the layered tree.
- ``money_warnings``: what a config says about money and probably does not mean.
- ``load``: does all of this in one call, at the start and at a reload.
- ``watch``: looks at the file about once a second, and reads it again when it has changed.
"""
