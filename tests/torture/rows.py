"""Every row, in the order of the table."""

from __future__ import annotations

from tests.torture import (
    faults_of_buffers,
    faults_of_databases,
    faults_of_disks,
    faults_of_files,
    faults_of_service,
    faults_of_wires,
    oracle,
    overlap,
    pressure,
    simulations,
)

ROWS = [
    *faults_of_service.ROWS,
    *faults_of_disks.ROWS,
    *faults_of_databases.ROWS,
    *faults_of_wires.ROWS,
    *faults_of_buffers.ROWS,
    *faults_of_files.ROWS,
    *overlap.ROWS,
    *pressure.ROWS,
    *simulations.ROWS,
    *oracle.ROWS,
]
