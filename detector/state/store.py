"""The bundle of everything that is kept, over one `Rows`."""

from detector.ports import Bodies, Rows
from detector.state.attempts import Attempts
from detector.state.dead_letters import DeadLetters
from detector.state.episodes import Episodes
from detector.state.evidence import EvidenceStore
from detector.state.ledger import MERGE_FROM, Ledger
from detector.state.marks import Marks
from detector.state.meta import Meta
from detector.state.mutes import Mutes
from detector.state.outbox import Outbox
from detector.state.windows import Windows


class State:
    """What the use cases see of the store."""

    def __init__(
        self, rows: Rows, bodies: Bodies | None = None, *, merge_from: int = MERGE_FROM
    ) -> None:
        """Everything over the same rows; `bodies` are kept where the operator asks for them.

        `merge_from` is the ledger's.
        """
        self.rows = rows
        self.ledger = Ledger(rows, merge_from=merge_from)
        self.marks = Marks(rows)
        self.episodes = Episodes(rows)
        self.outbox = Outbox(rows, self.episodes)
        self.evidence = EvidenceStore(rows)
        self.windows = Windows(rows)
        self.mutes = Mutes(rows)
        self.attempts = Attempts(rows)
        self.dead_letters = DeadLetters(rows, bodies)
        self.meta = Meta(rows)
