"""The reckoning: everything the service has, against everything the ledger knows."""

from __future__ import annotations

from collections import Counter
from random import Random

import msgspec

from tests.e2e.api import KEYS, Api, Json
from tests.e2e.ledger import MARKERS, Action, Ledger, Place, Stale, Verdict
from tests.e2e.samples import STATUSES

_RECEIPTS = 200  # looked up, of all that were given


class Report(msgspec.Struct, kw_only=True):
    """What an audit has found."""

    acknowledged: int = 0  # record writes the service said yes to
    found: int = 0  # of them: shown, or replaced by a newer write that is shown
    records: int = 0  # visible in the service
    stale: int = 0  # keys where an older write hides a newer one that was acknowledged
    torn: int = 0  # requests without an answer that were taken in part
    faults: list[str] = []

    @property
    def lost(self) -> int:
        """Acknowledged and not to be found."""
        return self.acknowledged - self.found


async def audit(api: Api, ledger: Ledger, seed: int) -> Report:
    """Flush, read everything back, and judge it key by key."""
    await api.flush()
    shown = await _everything(api, report := Report())
    report.records = len(shown)
    report.acknowledged = ledger.count(Verdict.ACKED)
    for place in ledger.places():
        fault = ledger.fault(place, shown.get(place))
        if fault is None:
            report.found += len(ledger.acked(place))
        else:
            report.stale += isinstance(fault, Stale)
            report.faults.append(f"{place[0]} {place[1]} {fault}")
    report.faults += [f"{place} was never sent" for place in shown.keys() - set(ledger.places())]
    torn = torn_requests(ledger, shown)
    report.torn = len(torn)
    report.faults += torn
    report.faults += await _wrong_counts(api, shown) + await _wrong_receipts(api, ledger, Random(seed))
    return report


async def _everything(api: Api, report: Report) -> dict[Place, Json]:
    shown: dict[Place, Json] = {}
    for envelope, name in KEYS.items():
        async for record in api.everything(envelope):
            place = (envelope, record[name])
            if place in shown:
                report.faults.append(f"{place} is listed twice")
            shown[place] = record
    return shown


def torn_requests(ledger: Ledger, shown: dict[Place, Json]) -> list[str]:
    """A request that never had an answer was taken whole or not at all."""
    faults = []
    for changes in ledger.requests:
        telling = [
            c for c in changes if c.action is Action.PUT and c.verdict is Verdict.UNKNOWN and ledger.is_newest(c)
        ]
        taken = [c for c in telling if c.marker == shown.get(c.place, {}).get(MARKERS[c.envelope])]
        if 0 < len(taken) < len(telling):
            faults.append(f"{len(taken)} of {len(telling)} records were taken of the request with {taken[0].marker!r}")
    return faults


async def _wrong_counts(api: Api, shown: dict[Place, Json]) -> list[str]:
    expected = Counter((envelope, record["status"]) for (envelope, _), record in shown.items())
    faults = []
    for envelope, statuses in STATUSES.items():
        for status in statuses:
            count = await api.count(envelope, status=status)
            if count != expected[envelope, status]:
                faults.append(f"{count} {envelope} are {status}, listed are {expected[envelope, status]}")
    return faults


async def _wrong_receipts(api: Api, ledger: Ledger, random: Random) -> list[str]:
    """After a flush every receipt is applied, whichever process gave it; some writes came later than a delete."""
    faults = []
    for receipt, count in random.sample(ledger.receipts, min(len(ledger.receipts), _RECEIPTS)):
        reply = await api.send("GET", f"/api/v1/receipts/{receipt}")
        told = reply.body
        wrong = [found for found in told.get("exceptions", []) if found["verdict"] != "stale"]
        if reply.status != 200 or (told["state"], told["count"], wrong) != ("applied", count, []):
            faults.append(f"receipt {receipt} of {count} records: {told}")
    return faults
