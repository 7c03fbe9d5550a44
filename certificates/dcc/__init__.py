"""A certificate as a digital calibration certificate (DCC) in XML, after PTB's schema."""

from certificates.dcc.document import ReadCertificate, ReadResult
from certificates.dcc.drmd import write_drmd
from certificates.dcc.read import read_dcc
from certificates.dcc.schema import compile_schema, schema_errors
from certificates.dcc.units import d_si_unit
from certificates.dcc.write import SCHEMA_VERSION, write_dcc

__all__ = [
    "SCHEMA_VERSION",
    "ReadCertificate",
    "ReadResult",
    "compile_schema",
    "d_si_unit",
    "read_dcc",
    "schema_errors",
    "write_dcc",
    "write_drmd",
]
