"""The requests that several kinds share: that each can be used, and what is said where one cannot."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.chat import ChatBody, ChatRequest, ModelTraits
from linx.providers.requests import UNTRANSLATED, ProviderRequest, lacking


@pytest.mark.parametrize("request_", UNTRANSLATED.values(), ids=UNTRANSLATED)
def test_what_goes_untranslated_may_be_lacking_and_takes_the_headers(request_: ProviderRequest) -> None:
    assert request_.lacks is not None
    assert request_.takes_headers
    assert request_.decoder(str).problem is None


def test_what_a_kind_cannot_do_is_refused_when_its_body_is_to_be_written() -> None:
    request = lacking("embeddings")
    assert request.decoder(str).problem is None
    with pytest.raises(Refused) as caught:
        request.body(ChatRequest("asked", ChatBody({})), "m", ModelTraits())
    assert caught.value.problem == "does not support embeddings"
    assert (caught.value.code, caught.value.fallback) == ("unsupported_feature", Fallback.YES)
    assert not caught.value.blames_provider
