"""The contract of storage backends as a test suite: plain functions on one fixture, ``backend``.

A package that brings a backend holds it to the contract in one file:

    import pytest
    from persistence_contract.suite import *  # every test of the contract

    @pytest.fixture
    async def backend(tmp_path):
        adapter = ...            # empty; collections: domain.model.translation.BUILT_IN
        await adapter.open()
        yield adapter
        await adapter.close()

It needs pytest with pytest-asyncio in auto mode, and hypothesis. Tests of an ability that the backend does not declare
are skipped and say so. A package that also gives the fixture ``wire`` (see ``plugin``) is tested with the wire cut.
"""
