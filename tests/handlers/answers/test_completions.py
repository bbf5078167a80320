"""How one request for completions is cut into what a provider takes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.completions.face import CompletionsFace
from linx.handlers.answers.completions import parts_for
from tests.routing.world import provider

if TYPE_CHECKING:
    from linx.core.chat import TextCompletion
    from linx.handlers.answers.series import Part


def parts(kind: str, **fields: Any) -> list[Part]:
    chat = CompletionsFace().parse({"model": "m", "prompt": "a", **fields})
    return list(parts_for(provider("a", kind=kind).request(chat), chat))


def asked(part: Part) -> TextCompletion:
    return part.chat.completion


@pytest.mark.parametrize("kind", ["openai", "openrouter"])
def test_those_who_take_all_get_all(kind: str) -> None:
    (part,) = parts(kind, prompt=["a", "b"], n=2, echo=True)
    assert (asked(part).prompts, part.leads) == (["a", "b"], ())


def test_llama_cpp_takes_lists_but_is_helped_with_echo() -> None:
    (part,) = parts("llamacpp", prompt=["a", "b"], n=2, echo=True)
    assert asked(part).prompts == ["a", "b"]
    assert part.leads == ((0, "a"), (1, "a"), (2, "b"), (3, "b"))


@pytest.mark.parametrize(("kind", "more"), [("ollama", {}), ("llamacpp", {"suffix": "z"})])
def test_one_at_a_time(kind: str, more: dict[str, Any]) -> None:
    found = parts(kind, prompt=["a", "b"], n=2, best_of=2, echo=True, seed=7, **more)
    assert [(asked(part).prompts, asked(part).count, asked(part).fields["seed"]) for part in found] == [
        (["a"], 1, 7),
        (["a"], 1, 8),
        (["b"], 1, 7),
        (["b"], 1, 8),
    ]
    assert [(part.index, part.leads) for part in found] == [
        (0, ((0, "a"),)),
        (1, ((1, "a"),)),
        (2, ((2, "b"),)),
        (3, ((3, "b"),)),
    ]
    assert all(asked(part).best_of is None for part in found)


def test_a_choice_of_the_best_is_left_for_the_provider_to_refuse() -> None:
    assert asked(parts("ollama", n=2, best_of=3)[0]).best_of == 3


def test_one_prompt_is_one_part() -> None:
    (part,) = parts("ollama")
    assert (part.index, part.leads, asked(part).prompts) == (0, (), ["a"])
