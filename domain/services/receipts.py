"""What became of an acknowledged request."""

from __future__ import annotations

from collections.abc import Collection as Names

from domain.errors import ReceiptElsewhere, ReceiptNotFound
from domain.model.frames import partition_of
from domain.model.receipts import Receipt, ReceiptState, ReceiptStatus
from domain.services.revisions import RevisionIssuer
from ports.receipts import Receipts
from ports.write_buffer import WriteBuffer


class ReceiptService:
    """Compares a receipt with the watermark; what is not that simple stands in the receipts' store."""

    def __init__(
        self,
        lanes: Names[str],
        buffer: WriteBuffer,
        receipts: Receipts,
        issuer: RevisionIssuer,
        shared_partitions: int = 0,
    ) -> None:
        """``lanes``: the names of the pending log's lanes; ``shared_partitions``: 0 where no other instance appends."""
        self._shared_partitions = shared_partitions
        self._lanes = lanes
        self._buffer = buffer
        self._receipts = receipts
        self._issuer = issuer

    async def status(self, text: str) -> ReceiptStatus:
        """Where a receipt's records stand. Raises ReceiptNotFound, ReceiptElsewhere."""
        receipt = Receipt.parse(text)
        if not self._shared_partitions and receipt.instance != self._issuer.instance:
            ours = self._issuer.instance
            raise ReceiptElsewhere(f"Instance {receipt.instance} gave this receipt; this one is {ours}.")
        return ReceiptStatus(
            receipt=receipt,
            state=await self._state(receipt),
            exceptions=tuple(await self._receipts.exceptions(receipt.lane, receipt.first, receipt.last)),
        )

    async def _state(self, receipt: Receipt) -> ReceiptState:
        if receipt.lane not in self._lanes or receipt.last < receipt.first:
            raise ReceiptNotFound
        partition = partition_of(receipt.last)
        if partition != partition_of(receipt.first) or partition >= max(1, self._shared_partitions):
            raise ReceiptNotFound
        epoch, following = await self._receipts.epochs(receipt.lane, receipt.epoch)
        depth = await self._buffer.depth(receipt.lane, partition=partition)
        if epoch is None or receipt.first < epoch.first_sequence:
            raise ReceiptNotFound
        if following is not None and receipt.last >= following.first_sequence:
            return ReceiptState.LOST
        if receipt.last > depth.head:
            raise ReceiptNotFound
        return ReceiptState.PENDING if receipt.last > depth.committed else ReceiptState.APPLIED
