"""The policy's word lists, compiled: which app, which action, which search."""

from functools import lru_cache
from typing import NamedTuple

from detector.core.policy import Policy
from detector.core.terms import Terms


class Kind(NamedTuple):
    """What one action name means under a policy."""

    counts: bool
    export: bool
    download: bool
    space_export: bool
    known: bool


class Vocabulary:
    """Answers about names and texts, each remembered: a stream repeats few of them."""

    def __init__(self, policy: Policy) -> None:
        """Compile the policy's lists; the policy is not kept."""

        def fold(names: tuple[str, ...]) -> frozenset[str]:
            return frozenset(name.lower() for name in names)

        self._actions = fold(policy.actions)
        self._exports = fold(policy.export_actions)
        self._downloads = fold(policy.download_actions)
        self._space_exports = fold(policy.space_export_actions)
        self._known = fold(policy.known_actions)
        self._sensitive = frozenset(policy.sensitive_search_terms)
        self.terms = Terms(policy.sensitive_search_terms)
        self.is_app = lru_cache(4096)(Terms(policy.apps).match)
        self.kind = lru_cache(4096)(self._kind)

    def _kind(self, action_type: str) -> Kind:
        name = action_type.lower()
        counts = name in self._actions
        return Kind(
            counts=counts,
            export=counts and name in self._exports,
            download=counts and name in self._downloads,
            space_export=counts and name in self._space_exports,
            known=counts or name in self._known,
        )

    def is_sensitive(self, terms: tuple[str, ...]) -> bool:
        """Whether terms that some policy found when the record was read are this policy's."""
        return not self._sensitive.isdisjoint(terms)
