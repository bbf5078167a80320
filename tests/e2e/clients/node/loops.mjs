// Runs the JavaScript clients against a Linx, every loop at every model, and prints what each of them saw as JSON.
//
//   node loops.mjs '{"url": …, "models": […], "locked": …}'
//
// A model NAME answers; NAME-tool calls the tool weather and then answers; NAME-dead breaks off in the middle;
// NAME-slow goes on for ever; NAME-pause is silent between two words for longer than a heartbeat. ``locked`` is a Linx that wants a key.
import { jsonSchema, stepCountIs, streamText, generateText, tool } from 'ai'
import { createOpenAI } from '@ai-sdk/openai'
import { Ollama } from 'ollama'
import { createOllama } from 'ollama-ai-provider-v2'
import OpenAI from 'openai'

const { url, models, locked } = JSON.parse(process.argv[2])
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 })
const sdk = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'unused' })
const sdkOllama = createOllama({ baseURL: `${url}/api` })
const ollama = new Ollama({ host: url })

const hi = [{ role: 'user', content: 'How is the weather in Köln?' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
const weather = { name: 'weather', description: 'the weather of a city', parameters }
const nested = [{ type: 'function', function: weather }]
const rain = (call) => `rain in ${(typeof call === 'string' ? JSON.parse(call) : call).city}`

async function chatOnce(model, messages) {
  const answer = await openai.chat.completions.create({ model, messages, tools: nested })
  return answer.choices[0].message
}

async function chatStreamed(model, messages) {
  const stream = openai.chat.completions.stream({ model, messages, tools: nested, stream_options: { include_usage: true } })
  return (await stream.finalChatCompletion()).choices[0].message
}

async function chatLoop(ask, model) {
  const asked = await ask(model, hi)
  const results = asked.tool_calls.map((call) => ({ role: 'tool', tool_call_id: call.id, content: rain(call.function.arguments) }))
  return (await ask(model, [...hi, asked, ...results])).content
}

async function respondOnce(body) {
  return openai.responses.create(body)
}

async function respondStreamed(body) {
  return openai.responses.stream(body).finalResponse()
}

async function responsesLoop(ask, model) {
  const body = { model, store: false, tools: [{ type: 'function', strict: true, ...weather }] }
  const asked = await ask({ ...body, input: hi })
  const calls = asked.output.filter((item) => item.type === 'function_call')
  const results = calls.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: rain(call.arguments) }))
  return (await ask({ ...body, input: [...hi, ...asked.output, ...results] })).output_text
}

const described = { weather: tool({ description: weather.description, inputSchema: jsonSchema(parameters), execute: rain }) }

async function sdkWhole(model) {
  return (await generateText({ model, messages: hi, tools: described, stopWhen: stepCountIs(3), maxRetries: 0 })).text
}

async function sdkStreamed(model) {
  let problem
  const onError = ({ error }) => (problem = error)
  const answer = streamText({ model, messages: hi, tools: described, stopWhen: stepCountIs(3), maxRetries: 0, onError })
  let text = ''
  for await (const part of answer.fullStream) {
    if (part.type === 'start-step') text = ''
    if (part.type === 'text-delta') text += part.text
  }
  if (problem) throw problem
  return text
}

async function ollamaOnce(model, messages, tools) {
  return (await ollama.chat({ model, messages, tools })).message
}

async function ollamaStreamed(model, messages, tools) {
  const whole = { role: 'assistant', content: '', tool_calls: [] }
  for await (const part of await ollama.chat({ model, messages, tools, stream: true })) {
    whole.content += part.message.content
    whole.tool_calls.push(...(part.message.tool_calls ?? []))
  }
  return whole
}

async function ollamaLoop(ask, model) {
  const asked = await ask(model, hi, nested)
  const results = asked.tool_calls.map((call) => ({ role: 'tool', tool_name: 'weather', content: rain(call.function.arguments) }))
  return (await ask(model, [...hi, asked, ...results], nested)).content
}

// Each: a plain answer, a loop with a tool, a stream of which the first piece is enough.
const CLIENTS = {
  'openai-node chat': {
    whole: async (model) => (await chatOnce(model, hi)).content,
    stream: async (model) => (await chatStreamed(model, hi)).content,
    'tool whole': (model) => chatLoop(chatOnce, model),
    'tool stream': (model) => chatLoop(chatStreamed, model),
    abort: async (model) => {
      for await (const chunk of await openai.chat.completions.create({ model, messages: hi, stream: true })) {
        if (chunk.choices[0]?.delta.content) return 'left' // leaving the loop aborts the request
      }
    },
  },
  'openai-node responses': {
    whole: async (model) => (await respondOnce({ model, input: hi })).output_text,
    stream: async (model) => (await respondStreamed({ model, input: hi })).output_text,
    'tool whole': (model) => responsesLoop(respondOnce, model),
    'tool stream': (model) => responsesLoop(respondStreamed, model),
    abort: async (model) => {
      for await (const event of await openai.responses.create({ model, input: hi, stream: true })) {
        if (event.type === 'response.output_text.delta') return 'left'
      }
    },
  },
  'ai-sdk': {
    whole: (model) => sdkWhole(sdk(model)),
    stream: (model) => sdkStreamed(sdk(model)),
    'tool whole': (model) => sdkWhole(sdk(model)),
    'tool stream': (model) => sdkStreamed(sdk(model)),
    abort: async (model) => {
      const leaving = new AbortController()
      for await (const part of streamText({ model: sdk(model), messages: hi, abortSignal: leaving.signal }).fullStream) {
        if (part.type === 'text-delta') leaving.abort()
        if (part.type === 'abort') return 'left'
      }
    },
  },
  'ai-sdk chat': {
    whole: (model) => sdkWhole(sdk.chat(model)),
    stream: (model) => sdkStreamed(sdk.chat(model)),
    'tool whole': (model) => sdkWhole(sdk.chat(model)),
    'tool stream': (model) => sdkStreamed(sdk.chat(model)),
  },
  'ai-sdk ollama': {
    whole: (model) => sdkWhole(sdkOllama(model)),
    stream: (model) => sdkStreamed(sdkOllama(model)),
    'tool whole': (model) => sdkWhole(sdkOllama(model)),
    'tool stream': (model) => sdkStreamed(sdkOllama(model)),
  },
  ollama: {
    whole: async (model) => (await ollamaOnce(model, hi)).content,
    stream: async (model) => (await ollamaStreamed(model, hi)).content,
    'tool whole': (model) => ollamaLoop(ollamaOnce, model),
    'tool stream': (model) => ollamaLoop(ollamaStreamed, model),
    abort: async (model) => {
      for await (const part of await ollama.chat({ model, messages: hi, stream: true })) if (part.message.content) return 'left'
    },
  },
}
const SUFFIX = { whole: '', stream: '', 'tool whole': '-tool', 'tool stream': '-tool', abort: '-slow' }

async function seen(run) {
  try {
    return { answer: await run() }
  } catch (error) {
    return { error: String(error.message), status: error.status ?? error.statusCode ?? null }
  }
}

const results = {}
for (const [client, does] of Object.entries(CLIENTS)) {
  const saw = (results[client] = {})
  const runs = []
  for (const model of models) {
    for (const [what, suffix] of Object.entries(SUFFIX)) {
      if (does[what]) runs.push([`${what} ${model}`, () => does[what](model + suffix)])
    }
    runs.push([`dead ${model}`, () => does.stream(`${model}-dead`)])
    runs.push([`pause ${model}`, () => does.stream(`${model}-pause`)])
  }
  await Promise.all(runs.map(async ([name, run]) => (saw[name] = await seen(run))))
}

// A wrong key: told at once, not tried again and again.
let tries = 0
const counted = (...request) => {
  tries += 1
  return fetch(...request)
}
const stranger = new OpenAI({ baseURL: `${locked}/v1`, apiKey: 'wrong', fetch: counted })
results['wrong key'] = { ...(await seen(() => stranger.chat.completions.create({ model: models[0], messages: hi }))), tries }

console.log(JSON.stringify(results))
process.exit(0)
