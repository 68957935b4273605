"""Interleavings of ingest, marks and compaction."""

from detector.core.instant import DAY, HOUR
from tests.simulation.product import Product
from tests.simulation.requests import NotDoneError
from tests.simulation.stage import NOON, Stage, hit_at, record


def the_same_messages_in_other_batches(product: Product) -> list[str]:
    """What is redelivered comes in batches with other bounds."""
    stage = Stage(product)
    one, two, three = (stage.batch(record(number, NOON)) for number in range(3))
    stage.finish(stage.ingest(one))
    stage.finish(stage.ingest(stage.together(one, two, three)))
    stage.finish(stage.ingest(one))
    return stage.settle()


def a_store_that_is_away_for_nine_tries(product: Product) -> list[str]:
    """A batch is given again until it was taken."""
    stage = Stage(product)
    batch = stage.batch(record(1, NOON))
    for tries in range(1, 10):
        failing = stage.ingest(batch)
        stage.one_request(failing, NotDoneError())
        if product.gives_up(tries):
            return stage.settle()
    stage.finish(stage.ingest(batch))
    return stage.settle()


def a_round_between_two_writes_of_a_batch(product: Product) -> list[str]:
    """Whoever sees a mark can read the data."""
    stage = Stage(product)
    batch = stage.ingest(stage.batch(record(1, NOON)))
    while not batch.is_done:
        stage.finish(stage.evaluate())
        stage.one_request(batch)
    return stage.settle()


def new_data_while_the_old_is_judged(product: Product) -> list[str]:
    """A mark that was set again while its user was judged stays."""
    stage = Stage(product)
    stage.take(record(1, NOON))
    slow = stage.evaluate()
    stage.until(slow, "delete", "dirty")
    stage.take(record(2, NOON))
    stage.finish(slow)
    return stage.settle()


def a_mark_cleared_by_another_and_set_again(product: Product) -> list[str]:
    """An etag that is used again would let a slow round clear a mark that it has not seen."""
    stage = Stage(product)
    stage.take(record(1, NOON))
    slow = stage.evaluate()
    stage.until(slow, "delete", "dirty")
    stage.finish(stage.evaluate())
    stage.take(record(2, NOON))
    stage.finish(slow)
    return stage.settle()


def a_crash_while_a_user_is_judged(product: Product) -> list[str]:
    """A mark lasts until what it asks for is done."""
    stage = Stage(product)
    stage.take(*hit_at(NOON))
    dying = stage.evaluate()
    stage.until(dying, "submit", "episodes")
    stage.crash(dying, lands=False)
    return stage.settle()


def the_first_data_of_a_day_between_days_and_marks(product: Product) -> list[str]:
    """The days are listed after the marks were read, so a marked user's day is among them."""
    stage = Stage(product)
    stage.take(record(1, NOON))
    round_ = stage.evaluate()
    stage.until(round_, "scan_all", "marks")
    stage.take(record(2, NOON - DAY + 2 * HOUR))
    stage.finish(round_)
    return stage.settle()


def a_merge_between_two_pages(product: Product) -> list[str]:
    """Merged rows sort after their sources: a reader meets each activity at least once."""
    stage = Stage(product, merge_from=2)
    for number in range(4):
        stage.take(record(number, NOON))
    reader = stage.evaluate()
    stage.until(reader, "scan counters20260311", "|12|0|")
    stage.one_request(reader)
    stage.finish(stage.evaluate(), reader)
    return stage.settle()


def a_crash_within_a_merge(product: Product) -> list[str]:
    """A merge writes and deletes in one transaction, so a crash finds one or the other."""
    stage = Stage(product, merge_from=2)
    for number in range(2):
        stage.take(record(number, NOON))
    dying = stage.evaluate()
    stage.until(dying, "delete", "counters")
    stage.one_request(dying)
    stage.crash(dying, lands=False)
    return stage.settle()


def two_merges_and_a_segment_that_comes_again(product: Product) -> list[str]:
    """A slow merge finds its sources gone, or the very same: it may lose nothing."""
    stage = Stage(product, merge_from=2)
    batches = [stage.batch(record(number, NOON)) for number in range(2)]
    stage.finish(*(stage.ingest(batch) for batch in batches))
    slow = stage.evaluate()
    stage.until(slow, "submit", "counters")
    stage.take(record(3, NOON))
    stage.finish(stage.evaluate())
    stage.finish(*(stage.ingest(batch) for batch in batches))
    stage.finish(slow)
    return stage.settle()
