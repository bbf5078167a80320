"""The table of the picky servers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.picky import (
    efforts,
    formats,
    limits,
    mistral,
    ollama,
    parameters,
    reasoning,
    refusal,
    schemas,
    streams,
    templates,
    tools,
)
from tests.fakes.picky.spoken import NINE, Habits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.catalogue import Kind
    from tests.fakes.picky.check import Check

ABLE = ("completion", "tools", "thinking", "vision")


@dataclass(frozen=True)
class Picky:
    """A server, and all that it refuses."""

    name: str
    kind: Kind
    checks: Sequence[Check]
    habits: Habits = field(default_factory=Habits)
    capabilities: Sequence[str] = ABLE


_REASONING = Habits(reasoning="reasoning")
_MISTRAL = Habits(call_id=NINE)
_GEMINI = Habits(is_signed=True)
_LIMIT = parameters.other_name("max_tokens", "max_completion_tokens", "opencode#37964, openrag#398, YPrompt#26")
_SAMPLING = ("logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "logit_bias", "stop")
_GPT_LEVELS = ("minimal", "low", "medium", "high")

SERVERS: tuple[Picky, ...] = (
    # System messages in the middle, and two at the beginning.
    Picky("ollama-qwen", "ollama", (templates.qwen(templates.ollama_500, "ollama#18241, ollama#17774"),)),
    Picky("llamacpp-qwen-500", "llamacpp", (templates.qwen(templates.llamacpp_500, "magic-context#5"),)),
    Picky("llamacpp-qwen-400", "llamacpp", (templates.qwen(templates.llamacpp_400, "forgecode#2586"),)),
    Picky("vllm-qwen", "openai", (templates.qwen(refusal.vllm, "vllm#41114"),)),
    Picky("vllm-qwen-old", "openai", (templates.qwen(refusal.vllm_old, "vllm#41114, gptme#3779"), streams.VLLM)),
    Picky("lmstudio-qwen", "openai", (templates.qwen(refusal.lmstudio_template, "lmstudio-bug-tracker#2298"),)),
    Picky("minimax", "openai", (templates.minimax(refusal.minimax),)),
    Picky("minimax-200", "openai", (templates.minimax(refusal.minimax_200),)),
    # Reasoning in the history.
    Picky("groq", "openai", (reasoning.GROQ, parameters.GROQ_BIAS), _REASONING),
    Picky("cerebras", "openai", (reasoning.CEREBRAS, parameters.CEREBRAS_PARALLEL), _REASONING),
    Picky("kimi", "openai", (reasoning.KIMI,)),
    Picky(
        "deepseek", "openai", (reasoning.DEEPSEEK, formats.DEEPSEEK_FORMAT, formats.DEEPSEEK_WORD, tools.DEEPSEEK_NAMES)
    ),
    Picky("deepseek-old", "openai", (formats.DEEPSEEK_FORMAT_OLD, formats.DEEPSEEK_WORD)),
    # Mistral: everything at once.
    Picky(
        "mistral",
        "openai",
        (mistral.ROLES, *mistral.EXTRAS, mistral.IDS_OLD, *mistral.ORDER_OLD, mistral.PAIRS),
        _MISTRAL,
    ),
    Picky(
        "mistral-2026",
        "openai",
        (mistral.ROLES, *mistral.EXTRAS_2026, mistral.IDS, *mistral.ORDER, mistral.PAIRS),
        _MISTRAL,
    ),
    # The ids of another server in the history: only the calls of this one have nine characters.
    Picky("mistral-long-ids", "openai", (mistral.IDS, *mistral.ORDER, mistral.PAIRS)),
    # Parameters.
    Picky("gpt", "openai", (_LIMIT, parameters.only_one("temperature"), parameters.unsupported("top_p"))),
    Picky("gpt-sampling", "openai", tuple(parameters.unsupported(name) for name in _SAMPLING)),
    Picky("gpt-levels", "openai", (efforts.efforts(_GPT_LEVELS, efforts.openai_effort, "Kilo-Org/cloud#3807"),)),
    Picky("gpt-codex", "openai", (efforts.efforts(("medium",), efforts.openai_value, "codex#19188"),)),
    Picky("gpt-low-only", "openai", (efforts.efforts(("low",), efforts.openai_effort, "Kilo-Org/cloud#3807"),)),
    Picky(
        "groq-levels",
        "openai",
        (efforts.efforts(("none", "default"), efforts.groq_effort, "pi#1745, pluely#219"),),
    ),
    Picky("groq-llama", "openai", (efforts.GROQ_NO_EFFORT,)),
    Picky(
        "pydantic-levels",
        "openai",
        (efforts.efforts(("low", "medium"), efforts.literal_effort, "hermes-agent#111875"),),
    ),
    Picky("bare-levels", "openai", (efforts.efforts(("low", "medium"), efforts.bare_level, "quotio#287"),)),
    Picky("xai", "openai", (efforts.XAI_EFFORT, parameters.XAI_PENALTY)),
    Picky("gpt-4o", "openai", (parameters.VERBOSITY, parameters.SERVICE_TIER, parameters.USER)),
    Picky("github-models", "openai", (parameters.AZURE,)),
    Picky("fireworks", "openai", (streams.FIREWORKS,)),
    Picky("azure-phi", "openai", (streams.AZURE_PHI,)),
    Picky("crash-stream-options", "openai", (streams.CRASH,)),
    Picky("voyage", "openai", (parameters.VOYAGE,)),
    # What a prompt and its answer share.
    Picky("vllm-room", "openai", (limits.VLLM_ROOM,)),
    Picky("openrouter-room", "openrouter", (limits.OPENROUTER_ROOM,)),
    Picky("openrouter-credit", "openrouter", (limits.OPENROUTER_CREDIT,)),
    # Ollama's think.
    Picky("ollama-boolean", "ollama", (ollama.BOOLEAN_ONLY,)),
    Picky("ollama-levels", "ollama", (ollama.LEVELS,)),
    Picky("ollama-no-levels", "ollama", (ollama.NO_LEVELS,)),
    Picky("ollama-no-thinking", "ollama", (ollama.NO_THINKING,)),
    # Forms of the answer, choices of a tool.
    Picky("lmstudio", "openai", (formats.LMSTUDIO_CHOICE, formats.LMSTUDIO_FORMAT)),
    # Grammars.
    Picky("llamacpp-schema", "llamacpp", (schemas.CONVERSION, schemas.SAMPLER)),
    Picky("llamacpp-schema-tools", "llamacpp", (schemas.CONVERSION_OF_TOOLS, schemas.SAMPLER)),
    Picky("llamacpp-schema-500", "llamacpp", (schemas.CONVERSION_500,)),
    # Names, signatures.
    Picky("gpt-names", "openai", (tools.OPENAI_NAMES, parameters.USER)),
    Picky("gpt-names-2026", "openai", (tools.OPENAI_NAMES_2026,)),
    Picky("dashscope", "openai", (tools.DASHSCOPE_NAMES,)),
    Picky("openrouter-anthropic", "openai", (tools.ANTHROPIC_NAMES,)),
    Picky("gemini", "openai", (*parameters.GEMINI_UNKNOWN, tools.GEMINI_NAMES, tools.GEMINI_SIGNATURES), _GEMINI),
    # What the model cannot do at all.
    Picky("ollama-no-tools", "ollama", (tools.OLLAMA_NO_TOOLS,)),
    Picky("deepseek-blind", "openai", (formats.DEEPSEEK_IMAGE,)),
    Picky("vllm-blind", "openai", (formats.VLLM_IMAGE,)),
    Picky("llamacpp-blind", "llamacpp", (formats.LLAMACPP_IMAGE,)),
    Picky("ollama-blind", "ollama", (formats.OLLAMA_IMAGE,)),
)
BY_NAME = {picky.name: picky for picky in SERVERS}
