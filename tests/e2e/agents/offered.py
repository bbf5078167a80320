"""The tools that the agents offer: names and schemas as the clients send them, descriptions of our own.

Each description begins with the tool's name, by which a server's fake knows a tool that was renamed on the way.
"""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SAFE = 9_007_199_254_740_991
_TEXT: JsonObject = {"type": "string"}
_FLAG: JsonObject = {"type": "boolean"}
_NUMBER: JsonObject = {"type": "number"}

CHROME = "mcp__plugin_chrome-devtools-mcp_chrome-devtools__performance_analyze_insight"
"""76 characters (Qwen3-VL#2069); the next differs from it at the end alone."""
CHROME_OTHER = CHROME + "s"
DOTTED = "jira.issue.search"
SLASHED = "get_/whoami"


def described(name: str, what: str) -> str:
    return f"[{name}] {what}"


def closed(required: list[str], **properties: JsonObject) -> JsonObject:
    """An object schema as zod and schemars write it."""
    schema: JsonObject = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema


_FINDING = closed(
    ["file", "summary"],
    file=_TEXT,
    line={"type": "integer", "minimum": -_SAFE, "maximum": _SAFE},
    summary=_TEXT,
    verdict={"type": "string", "enum": ["CONFIRMED", "PLAUSIBLE"]},
)
MCP: dict[str, tuple[str, JsonObject]] = {
    CHROME: ("Say more about one insight of a trace.", closed(["insightName"], insightName=_TEXT)),
    CHROME_OTHER: ("Say more about several insights.", closed(["names"], names={"type": "array", "items": _TEXT})),
}
"""Tools of MCP servers, which name them as they like."""
CLAUDE_CODE: dict[str, tuple[str, JsonObject]] = {
    "Agent": (
        "Start a helper for a task of several steps.",
        closed(
            ["description", "prompt"],
            description=_TEXT,
            prompt=_TEXT,
            model={"type": "string", "enum": ["sonnet", "opus", "haiku"]},
            run_in_background=_FLAG,
        ),
    ),
    "Bash": (
        "Run a command of the shell.",
        closed(["command"], command=_TEXT, timeout=_NUMBER, description=_TEXT, run_in_background=_FLAG),
    ),
    "Edit": (
        "Replace a text in a file.",
        closed(
            ["file_path", "old_string", "new_string"],
            file_path=_TEXT,
            old_string=_TEXT,
            new_string=_TEXT,
            replace_all={"default": False, "type": "boolean"},
        ),
    ),
    "Read": (
        "Read a file.",
        closed(
            ["file_path"],
            file_path=_TEXT,
            offset={"type": "integer", "minimum": 0, "maximum": _SAFE},
            limit={"type": "integer", "exclusiveMinimum": 0, "maximum": _SAFE},
        ),
    ),
    "Write": ("Write a file.", closed(["file_path", "content"], file_path=_TEXT, content=_TEXT)),
    "NotebookEdit": (
        "Change a cell of a notebook.",
        closed(
            ["notebook_path", "new_source"],
            notebook_path=_TEXT,
            new_source=_TEXT,
            edit_mode={"type": "string", "enum": ["replace", "insert", "delete"]},
        ),
    ),
    "ReportFindings": (
        "Report what a review found.",
        closed(["findings"], findings={"maxItems": 32, "type": "array", "items": _FINDING}),
    ),
    "SendMessage": (
        "Write to another helper.",
        closed(["to", "message"], to=_TEXT, summary={"type": "string", "maxLength": 200}, message=_TEXT),
    ),
    "TaskCreate": (
        "Put a task on the list.",
        closed(
            ["subject"],
            subject=_TEXT,
            metadata={"type": "object", "propertyNames": _TEXT, "additionalProperties": {}},
        ),
    ),
    "TaskList": ("Show the tasks.", closed([])),
    "TaskUpdate": (
        "Change a task.",
        closed(
            ["taskId"],
            taskId=_TEXT,
            status={
                "anyOf": [
                    {"type": "string", "enum": ["pending", "in_progress", "completed"]},
                    {"type": "string", "const": "deleted"},
                ]
            },
            addBlocks={"type": "array", "items": _TEXT},
        ),
    ),
    "WebFetch": ("Fetch a page.", closed(["url", "prompt"], url={"type": "string", "format": "uri"}, prompt=_TEXT)),
    "WebSearch": (
        "Search the web.",
        closed(["query"], query={"type": "string", "minLength": 2}, allowed_domains={"type": "array", "items": _TEXT}),
    ),
    "Workflow": (
        "Run a script that steers helpers.",
        {
            **closed(
                [],
                script={"type": "string", "maxLength": 524_288},
                args={"description": "anything"},
                resumeFromRunId={"type": "string", "pattern": "^wf_[a-z0-9-]{6,}$"},
            )
        },
    ),
    **MCP,
}
"""Each with ``$schema`` in front when it is sent."""
CODEX: dict[str, tuple[str, JsonObject]] = {
    "exec_command": (
        "Run a command in a terminal.",
        closed(
            ["cmd"],
            cmd=_TEXT,
            workdir=_TEXT,
            login=_FLAG,
            max_output_tokens=_NUMBER,
            prefix_rule={"type": "array", "items": _TEXT},
            sandbox_permissions={"type": "string", "enum": ["use_default", "require_escalated"]},
        ),
    ),
    "write_stdin": ("Write to a running command.", closed(["session_id"], chars=_TEXT, session_id=_NUMBER)),
    "view_image": ("Look at a picture.", closed(["path"], path=_TEXT)),
    "update_goal": (
        "Change the goal.",
        closed(["status"], status={"type": "string", "enum": ["complete", "blocked", "paused"]}),
    ),
    "get_goal": ("Say the goal.", {"type": "object", "properties": {}, "required": [], "additionalProperties": False}),
    **MCP,
}
HELPERS: dict[str, tuple[str, JsonObject]] = {
    "close_agent": ("End a helper.", closed(["target"], target=_TEXT)),
    "resume_agent": ("Wake a helper.", closed(["id"], id=_TEXT)),
}
"""Within Codex's namespace ``multi_agent_v1``."""
CURSOR: dict[str, tuple[str, JsonObject]] = {
    "run_terminal_cmd": ("Run a command.", closed(["command", "is_background"], command=_TEXT, is_background=_FLAG)),
    "read_file": (
        "Read a file.",
        {
            "type": "object",
            "properties": {"target_file": _TEXT, "offset": {"type": "integer"}, "limit": {"type": "integer"}},
            "required": ["target_file"],
        },
    ),
    "grep": (
        "Search with a regular expression.",
        {
            "type": "object",
            "properties": {"pattern": _TEXT, "-A": _NUMBER, "head_limit": {"type": "number", "minimum": 0}},
            "required": ["pattern"],
        },
    ),
    "search_replace": (
        "Replace a text.",
        {
            "type": "object",
            "properties": {"file_path": _TEXT, "old_string": _TEXT, "new_string": _TEXT},
            "required": ["file_path", "old_string", "new_string"],
        },
    ),
    "todo_write": (
        "Keep the list of tasks.",
        {
            "type": "object",
            "properties": {
                "merge": _FLAG,
                "todos": {
                    "type": "array",
                    "minItems": 2,
                    "items": {
                        "type": "object",
                        "properties": {
                            "content": _TEXT,
                            "status": {"type": "string", "enum": ["pending", "in_progress", "completed", "cancelled"]},
                            "id": _TEXT,
                        },
                        "required": ["content", "status", "id"],
                    },
                },
            },
            "required": ["merge", "todos"],
        },
    ),
    DOTTED: (
        "Find issues.",
        {
            "type": "object",
            "properties": {
                "jql": {"type": "string", "pattern": "\\S"},
                "since": {"type": ["string", "null"], "format": "date-time"},
                "fields": {"$ref": "#/$defs/Fields"},
                "expand": True,
            },
            "$defs": {"Fields": {"type": "array", "items": {"type": "string", "pattern": "^\\w+$"}}},
        },
    ),
    SLASHED: ("Say who asks.", {"type": "object", "properties": {}}),
    **MCP,
}
