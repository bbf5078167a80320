"""The Responses API of two clients from npm over every kind: openai-node, and the AI SDK with its usual OpenAI model.

The AI SDK's second step refers to the items of the first (``item_reference``), since its ``store`` is true by default.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import trio

from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here, url_of
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai", "anthropic")
OPENAI_NODE = """\
import assert from 'node:assert'
import OpenAI from 'openai'

const [url, ...kinds] = process.argv.slice(2)
const client = new OpenAI({ baseURL: url + '/v1', apiKey: 'unused', maxRetries: 0 })
for (const model of kinds) {
  const raised = error =>
    error instanceof OpenAI.APIError && error.code === 'server_error' && error.message.includes(model)
  const stream = await client.responses.create({ model, input: 'break off', stream: true })
  await assert.rejects(async () => { for await (const _ of stream); }, raised)
  await assert.rejects(client.responses.stream({ model, input: 'break off' }).finalResponse(), raised)

  const tools = [{ type: 'function', name: 'weather', parameters: { type: 'object', properties: {} }, strict: false }]
  const first = await client.responses.stream({ model, input: 'weather?', tools }).finalResponse()
  const call = first.output.find(item => item.type === 'function_call')
  const second = await client.responses.create({
    model, tools, previous_response_id: first.id,
    input: [{ type: 'function_call_output', call_id: call.call_id, output: '42 degrees' }],
  })
  assert.equal(second.output_text, 'It is 42 degrees.')
  assert.equal((await client.responses.retrieve(second.id)).output_text, second.output_text)
  await client.responses.delete(second.id)
  await assert.rejects(client.responses.retrieve(second.id), { status: 404 })
}
console.log('passed')
"""
AI_SDK = """\
import assert from 'node:assert'
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'

const [url, ...kinds] = process.argv.slice(2)
const openai = createOpenAI({ baseURL: url + '/v1', apiKey: 'unused' })
const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async () => '42 degrees' })
for (const kind of kinds) {
  const asked = { model: openai(kind), tools: { weather }, stopWhen: stepCountIs(3), maxRetries: 0 }
  const whole = await generateText({ ...asked, prompt: 'weather?' })
  assert.deepEqual([whole.steps.length, whole.text], [2, 'It is 42 degrees.'])
  assert.ok(JSON.stringify(whole.steps[1].request.body).includes('item_reference'))
  const streamed = streamText({ ...asked, prompt: 'weather?' })
  assert.equal(await streamed.text, 'It is 42 degrees.')

  const errors = []
  const broken = streamText({ ...asked, prompt: 'break off', onError: ({ error }) => errors.push(error.message) })
  await broken.consumeStream()
  assert.equal(errors.length, 1)
  assert.ok(errors[0].includes(kind), errors[0])
}
console.log('passed')
"""
SCRIPTS = {"openai-node": OPENAI_NODE, "ai-sdk": AI_SDK}


def model(call: Exchange) -> Reply:
    said = jsontext.dumps(call.json["messages"])
    if b"break off" in said:
        return scripted.cut_after(4, "close")
    if b"42 degrees" in said:
        return Answer(tokens=["It is ", "42 degrees."])
    return Answer(tokens=["I look."], reasoning=["hm"], calls=[Call("weather", {"city": "Oslo"})])


@pytest.mark.needs("npm")
@pytest.mark.needs("node")
@pytest.mark.parametrize("client", SCRIPTS)
async def test_a_client_from_npm_over_every_kind(client: str, node_packages: str, tmp_path: Path) -> None:
    await trio.Path(node_packages, f"{client}.js").write_text(SCRIPTS[client])
    fakes = [FakeProvider(kind, [Model(kind, capabilities=("completion", "tools", "thinking"))]) for kind in KINDS]
    async with fakes[0], fakes[1], fakes[2], fakes[3], fakes[4], linx_here(config_for(*fakes), tmp_path) as app:
        for fake in fakes:
            fake.rule = model
        node = shutil.which("node")
        assert node is not None
        with trio.fail_after(HANG_S):
            done = await trio.run_process(
                [node, f"{client}.js", url_of(app), *KINDS],
                cwd=node_packages,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        assert done.stdout.strip() == b"passed", done.stderr.decode()
