"""Running at login: ``linx service install|remove|status``.

``job`` says what is to run. ``environment_file`` keeps its variables, keys among them, in a file for its owner alone.
``systemd``, ``launchd`` and ``task_scheduler`` say in the words of each service manager how it is run, as text and
lists of words and without I/O. ``managers`` chooses among them, ``command`` writes the files and runs the programs,
and ``child`` is the first thing that runs where a service manager cannot read a file of variables itself.
"""
