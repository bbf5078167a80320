"""``POST /v1/completions`` for every kind of provider.

One request may have many prompts, and ask for several answers to each. If the provider takes
many prompts at once, it gets all of them. If it takes one prompt at a time, it is asked for
one after the other in a ``Series``, which the race treats as one attempt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from linx.handlers.answers.generation import Generation
from linx.handlers.answers.plan import ask_for, chat_plan, start_chat
from linx.handlers.answers.series import Part, Series
from linx.handlers.request_facts import read_chat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import ChatRequest
    from linx.core.telemetry import AttemptRecord
    from linx.dialects.base import Face
    from linx.handlers.answers.job import Job
    from linx.handlers.context import Context
    from linx.providers.requests import ProviderRequest
    from linx.routing.attempt import Attempt
    from linx.routing.candidate import Candidate
    from linx.routing.chunk_reader import ChunkReader, ChunkSource
    from linx.routing.roles import Try
    from linx.server.reply import Reply
    from linx.server.request import Request


async def answer(context: Context, face: Face, request: Request, reply: Reply) -> None:
    """``POST /v1/completions``."""
    chat = await read_chat(request, face.parse)
    plan = msgspec.structs.replace(chat_plan(context.router, request, chat), start=start_completion)
    await Generation(context, face, request, reply, chat, plan).run()


def start_completion(job: Job, candidate: Candidate, record: AttemptRecord, is_last: bool) -> Try[ChunkSource]:
    """One attempt for all prompts, or a series of attempts."""
    parts = parts_for(candidate.provider.request(job.chat), job.chat)
    if len(parts) == 1 and not parts[0].leads:
        return start_chat(job, candidate, record, is_last)

    def ask(chat: ChatRequest) -> Attempt[ChunkReader]:
        return ask_for(chat, job, candidate, record.for_part(job.clock()), is_last)

    return Series(candidate, record, job.clock, parts, ask)


def parts_for(request: ProviderRequest, chat: ChatRequest) -> Sequence[Part]:
    """The parts in which a provider that takes ``request`` is asked for everything that ``chat`` wants."""
    if request.has_echo and request.takes_lists:
        return [Part(chat)]
    asked = chat.completion
    leads = [prompt for prompt in asked.prompts for _ in range(asked.count)] if asked.has_echo else []
    named = tuple((index, lead) for index, lead in enumerate(leads) if isinstance(lead, str))
    whole = len(asked.prompts) * asked.count
    if request.takes_lists or whole == 1:
        return [Part(chat, leads=named)]
    seed = asked.fields.get("seed")
    best_of = None if asked.best_of == asked.count else asked.best_of  # equal to count, it has no effect
    parts = []
    for index in range(whole):
        fields = asked.fields
        if seed is not None:
            fields = {**fields, "seed": seed + index % asked.count}  # the same seed would give the same answer again
        prompt = asked.prompts[index // asked.count]
        own = replace(asked, prompts=[prompt], count=1, best_of=best_of, fields=fields)
        parts.append(Part(msgspec.structs.replace(chat, asked=own), index, named[index : index + 1]))
    return parts
