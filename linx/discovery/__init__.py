"""Finds the model servers of this machine: where they usually listen, and which of them answers there.

``identify`` asks one address what it is, and ``products`` says by which answers it is told. ``places`` is the table of
the usual addresses. ``watch`` looks at them and makes providers of what it finds, and ``hints`` says what is there and
is not used. The rule of the room: only free questions, each with a limit of time and bytes, and nothing that an
answer says is believed further than its shape.
"""
