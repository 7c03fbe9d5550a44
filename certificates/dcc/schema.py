"""Validates digital calibration certificates by PTB's schemas, which the caller holds.

The schemas are not part of this project; they come as texts by their paths, `dcc/v3.3.0/dcc.xsd`,
`si/v2.2.1/SI_Format.xsd`, `xmldsig/xmldsig-core-schema.xsd`, and import one another by these.
"""

import posixpath
import re
from collections.abc import Mapping

from lxml import etree

from certificates.errors import DccUnreadable, SchemaUnknown

_SCHEME = "schemas:/"
_HOST = re.compile(r"^https?://[^/]+/")  # of an import by its address, kept under its path
_WHERE = re.compile(r"^[^:]*:(\d+):\d+:[A-Z]+:[A-Z]+:\w+: ")


def compile_schema(files: Mapping[str, bytes], version: str) -> etree.XMLSchema:
    """Return the schema of one version of the DCC, its imports taken from the same files.

    Raises SchemaUnknown if a file is missing or is no schema. Nothing is fetched.
    """
    entry = f"dcc/v{version}/dcc.xsd"
    if entry not in files:
        raise SchemaUnknown(entry)
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(_FromFiles(files))
    try:
        document = etree.fromstring(files[entry], parser, base_url=_SCHEME + entry)
        return etree.XMLSchema(document)
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise SchemaUnknown(f"{entry}: {error}") from error


def schema_errors(document: bytes, schema: etree.XMLSchema) -> tuple[str, ...]:
    """Return what the schema finds wrong, each with its line; empty if the document is valid.

    Raises DccUnreadable if it is no XML. A compiled schema is for one thread at a time.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DccUnreadable(f"not well-formed XML: {error}") from error
    if schema.validate(root):
        return ()
    return tuple(_WHERE.sub(r"line \1: ", line) for line in str(schema.error_log).splitlines())


class _FromFiles(etree.Resolver):
    """Answers imports from the given files, and nothing else."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def resolve(self, system_url: str, public_id: str, context: object = None) -> object:  # noqa: ARG002 — lxml calls it so
        path = posixpath.normpath(_HOST.sub("", system_url.removeprefix(_SCHEME)).lstrip("/"))
        if path not in self._files:
            raise SchemaUnknown(path)
        return self.resolve_string(self._files[path], context, base_url=_SCHEME + path)
