"""What the service must survive: faults brought about one after another, and a ledger outside of it that counts."""
