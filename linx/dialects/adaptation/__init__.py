"""How a provider is asked in the way it takes, where it refuses how it was asked.

The room's rule: everything here is pure, and a way to ask is one row of a table. A row recognises a refusal, changes
the body that was refused, and where that changes what the answer says, changes it back.

- ``row``: what a row is.
- ``wording``: how refusals put it.
- ``parameters``: fields that a provider does not take.
- ``stream_options``: the options of a stream, which Linx adds to each request.
- ``message_field``: fields inside the messages.
- ``field_values``: fields under another name, or shorter.
- ``answer_limit``: the field that limits the length of an answer.
- ``reasoning_history``: the reasoning of earlier answers.
- ``reasoning_level``: how hard a model shall think.
- ``thinking_kind``: the two ways in which Claude is asked to think.
- ``system_messages``: where the messages of the system may stand.
- ``table``: all rows in their order; which row a refusal asks for, and a body with rows applied.
- ``restoring``: changes an answer back to what the client knows.
- ``known``: what is known of hosts and models before they have refused anything.
"""
