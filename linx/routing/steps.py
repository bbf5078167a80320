"""Which adaptations one attempt has tried, and which of them are worth remembering.

The rule: an adaptation is a lesson when the provider has taken a body that was changed so, or has complained of
something else since. Where the same complaint came again and asked for another row, the adaptation was in vain; and
where the complaint was recognised only in words that it quotes of the request, the adaptation is tried, and never kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.chat import Adapted

# A number of a request, a time and the like make no other complaint of the same one.
_VARYING = re.compile(r"\b(?=[^\W\d]*\d)\w+")


class Steps:
    """``applied`` is what changes the next body, in this order; it begins with what is known of the model."""

    __slots__ = ("_complaint", "_known", "_unproven", "applied", "tried")

    def __init__(self, known: tuple[Adapted, ...]) -> None:
        self.applied = known
        self.tried: tuple[Adapted, ...] = ()
        """Those that are new in this attempt."""
        self._known = known
        self._unproven: list[Adapted] = []
        self._complaint = ""

    def add(self, step: Adapted, words: str, *, is_own: bool) -> list[Adapted]:
        """``step`` is tried next, since the provider has complained with ``words``. Returns what has proven right.

        ``is_own``: the words that ask for it are the provider's, and not quoted of the request.
        """
        complaint = _VARYING.sub("", words)
        proven: list[Adapted] = []
        if not self.tried or complaint != self._complaint:
            proven = self.proven()
        elif step.name != self.tried[-1].name:
            self._unproven = [one for one in self._unproven if one.name != self.tried[-1].name]
        self._complaint = complaint
        self.tried = (*self.tried, step)
        self.applied = (*self.applied, step)
        if is_own:
            self._unproven.append(step)
        return proven

    def proven(self) -> list[Adapted]:
        """The provider has taken what was asked, or complains of something else. Each is given once."""
        proven, self._unproven = self._unproven, []
        return proven

    def was_known(self, step: Adapted) -> bool:
        """Was it known when the attempt began? Then something learnt later has undone it."""
        return step in self._known
