"""Wrong variants of the protocol. Each replaces one thing, and the simulator must notice.

`within` is the number of seeds that catch it; 0 means that a directed interleaving does.
"""

from tests.simulation import mutants_judging, mutants_sending, mutants_storing
from tests.simulation.product import Product

MUTANTS: tuple[type[Product], ...] = tuple(
    kind
    for module in (mutants_storing, mutants_judging, mutants_sending)
    for name, kind in vars(module).items()
    if isinstance(kind, type)
    and issubclass(kind, Product)
    and kind.__module__ == module.__name__
    and not name.startswith("_")
)
"""In the order in which they are written down."""
