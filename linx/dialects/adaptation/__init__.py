"""How a provider is asked in the way it takes, where it refuses how it was asked.

The room's rule: everything here is pure, and a way to ask is one row of a table. A row recognises a refusal, changes
the body that was refused, and where that changes what the answer says, changes it back.

- ``row``: what a row is.
- ``tools``: where the tools of a body are, with their names and schemas.
- ``call_names``: the names of the tools that an answer calls.
- ``bent_names``: the offered tool that a model means by a name that it has bent.
- ``tool_names``: names of tools that are too long, or have characters that a server does not take.
- ``call_ids``: ids of tool calls that are too long, or have characters that a server does not take.
- ``message_order``: an order of messages that Mistral's models do not take.
- ``thought_signature``: calls in the history without the signature that Gemini demands.
- ``text_parts``: contents that are lists of texts.
- ``tool_choice``: a choice of tools that is an object.
- ``schema_forms``: one JSON Schema in another form.
- ``schema_reduction``: a JSON Schema with less in it.
- ``schemas``: schemas that a server, or the grammar that it makes of them, cannot hold.
- ``response_format``: JSON answers at servers that know one form of asking for them, or none.
- ``wording``: how refusals put it.
- ``parameters``: fields that a provider does not take.
- ``stream_options``: the options of a stream, which Linx adds to each request.
- ``message_field``: fields inside the messages.
- ``field_values``: fields under another name, or shorter.
- ``answer_limit``: the field that limits the length of an answer.
- ``answer_room``: that limit where it, beside the prompt, is more than the context or the credit has room for.
- ``reasoning_history``: the reasoning of earlier answers.
- ``reasoning_level``: how hard a model shall think.
- ``thinking_kind``: the two ways in which Claude is asked to think.
- ``thinking_wish``: a wish to think at a model that cannot, or not to at a model that always does.
- ``system_messages``: where the messages of the system may stand.
- ``quoted``: the words of a request that a refusal repeats.
- ``table``: all rows in their order; which row a refusal asks for, and a body with rows applied.
- ``restoring``: changes an answer back to what the client knows.
- ``known``: what is known of hosts and models before they have refused anything.
"""
