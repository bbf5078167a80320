"""The official openai SDK against a Linx: in a thread, without retries, everything it folds in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import openai
import trio

from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
HI: list[Any] = [{"role": "user", "content": "hi"}]


@dataclass
class Told:
    """What an answer came to. ``calls`` are (id, name, arguments)."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    finish: str | None = None
    usage: tuple[int, int] | None = None
    error: str | None = None
    """The message of the error that the SDK raised."""
    status: int | None = None
    """Its status, where it was an answer of its own."""
    raw: Any = None
    """The SDK's completion."""
    chunks: list[Any] = field(default_factory=list)

    @property
    def said(self) -> tuple[str, str, list[tuple[str, str]], str | None]:
        """Text, reasoning, calls without their ids, finish: what no road may change."""
        return self.text, self.reasoning, [call[1:] for call in self.calls], self.finish


async def with_sdk(port: int, work: Callable[[openai.OpenAI], T], *, path: str = "/v1", **settings: Any) -> T:
    """Run ``work`` with a client of the SDK in a thread."""

    def run() -> T:
        base = f"http://127.0.0.1:{port}{path}"
        with openai.OpenAI(
            **{"base_url": base, "api_key": "unused", "max_retries": 0, "timeout": HANG_S, **settings}
        ) as sdk:
            return work(sdk)

    return await trio.to_thread.run_sync(run)


async def ask_sdk(port: int, *, stream: bool, **fields: Any) -> Told:
    """One chat answer; a stream goes through the SDK's own accumulator. Errors are told, not raised."""
    return await with_sdk(port, lambda sdk: told_by(sdk, stream=stream, **fields))


def told_by(sdk: openai.OpenAI, *, stream: bool, **fields: Any) -> Told:
    told = Told()
    settings: dict[str, Any] = {"model": "m", "messages": HI, **fields}
    try:
        if stream:
            settings.setdefault("stream_options", {"include_usage": True})
            with sdk.chat.completions.stream(**settings) as events:
                for event in events:
                    if event.type == "chunk":
                        told.chunks.append(event.chunk)
                        for choice in event.chunk.choices:
                            told.text += choice.delta.content or "" if choice.index == 0 else ""
                final = events.current_completion_snapshot
        else:
            final = sdk.chat.completions.create(**settings)
    except openai.APIStatusError as error:
        told.error, told.status = error.message, error.status_code
        return told
    except openai.APIError as error:
        told.error = error.message
        return told
    _fold(told, final)
    return told


def _fold(told: Told, final: Any) -> None:
    told.raw = final
    choice = final.choices[0]
    message = choice.message
    assert message.role == "assistant", message
    told.text = message.content or ""
    told.reasoning = getattr(message, "reasoning_content", None) or ""
    told.calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    told.finish = choice.finish_reason
    told.usage = (final.usage.prompt_tokens, final.usage.completion_tokens) if final.usage is not None else None
    assert all(call[0] for call in told.calls), told.calls
    assert len({call[0] for call in told.calls}) == len(told.calls), told.calls
