from __future__ import annotations

from adapters.journal.index import Entry, Index


def index() -> Index:
    """Three frames of two records and 100, 200, 300 bytes, behind 1000 bytes of earlier segments."""
    index = Index(1000)
    for number, size in enumerate((100, 200, 300)):
        index.add(Entry(2 * number + 1, 2 * number + 2, 512 + 1000 * number, 1512 + 1000 * number, size, number))
    return index


def test_the_first_frame_behind_a_sequence_is_found() -> None:
    assert [index().behind(sequence) for sequence in range(7)] == [0, 0, 1, 1, 2, 2, 3]


def test_an_entry_comes_back_as_it_was_added() -> None:
    assert index()[1] == Entry(3, 4, 1512, 2512, 200, 1)


def test_payload_is_counted_from_the_beginning_of_the_lane() -> None:
    assert [index().payload_before(place) for place in range(4)] == [1000, 1100, 1300, 1600]
    assert index().payload_total == 1600
    assert Index(1000).payload_total == 1000


def test_a_portion_holds_what_fits_and_one_frame_at_least() -> None:
    assert [index().portion(0, size) for size in (0, 100, 299, 300, 599, 600, 9999)] == [1, 1, 1, 2, 2, 3, 3]
    assert [index().portion(1, size) for size in (0, 200, 499, 500)] == [2, 2, 2, 3]


def test_a_cut_forgets_what_begins_at_its_offset_or_later() -> None:
    cut = index()
    cut.cut(1512)
    assert (len(cut), cut.payload_total, cut[0].last) == (1, 1100, 2)


def test_a_dropped_frame_is_found_no_more_and_its_neighbours_are() -> None:
    dropped = index()
    dropped.drop(1512)
    assert (len(dropped), dropped.behind(2), dropped[1].first) == (2, 1, 5)
    assert dropped.payload_total == 1600


def test_sequences_and_offsets_beyond_32_bits_fit() -> None:
    large = Index(1 << 60)
    large.add(Entry(1 << 62, (1 << 62) + 9, 1 << 40, (1 << 40) + 5, 7, -(1 << 50)))
    assert large[0] == Entry(1 << 62, (1 << 62) + 9, 1 << 40, (1 << 40) + 5, 7, -(1 << 50))
    assert large.payload_total == (1 << 60) + 7
