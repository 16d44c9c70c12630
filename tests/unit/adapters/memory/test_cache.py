from __future__ import annotations

from adapters.memory.cache import ENTRY_BYTES, MemoryCache

SECONDS = 10.0


def cache(entries=3, size=10**6):
    return MemoryCache(entries, size, lambda: cache.now)


cache.now = 0.0


async def test_what_was_not_asked_for_longest_goes_first():
    found = cache()
    for key in "abc":
        await found.put(key, b"x", SECONDS)
    await found.get("a")
    await found.put("d", b"x", SECONDS)
    assert [key for key in "abcd" if await found.get(key)] == ["a", "c", "d"]
    assert (len(found), found.size) == (3, 3 * (1 + ENTRY_BYTES))


async def test_bytes_are_bounded():
    found = cache(entries=10**6, size=16 * (100 + ENTRY_BYTES))
    for number in range(100):
        await found.put(str(number), b"x" * 100, SECONDS)
        assert found.size <= 16 * (100 + ENTRY_BYTES)
    assert (len(found), await found.get("99")) == (16, b"x" * 100)


async def test_what_expired_takes_no_room(monkeypatch):
    found = cache()
    await found.put("a", b"x", SECONDS)
    monkeypatch.setattr(cache, "now", SECONDS)
    assert await found.get("a") is None
    assert (len(found), found.size) == (0, 0)
