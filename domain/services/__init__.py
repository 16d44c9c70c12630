"""Behaviour that decides something; it asks only for ports."""
