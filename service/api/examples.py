"""What requests and answers look like: an example of each, put together from their schemas.

A field's own example counts first, then what a field of its name is like here, then its type. So a
new field has an example before anybody has thought of one, and a field is like itself everywhere.
"""

from typing import Any

Schema = dict[str, Any]

DEEPEST = 6  # a tree of its own kind ends here
ID = "0199f2c4-7d0e-7a31-9c1f-2a6d5b8e4f10"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
FORMATS = {
    "uuid": ID,
    "date": "2026-11-21",
    "date-time": "2026-11-21T08:00:00Z",
    "binary": "(the file)",
    "uri": "https://erp.example.com/hooks/suyuan",
}
NAMES: dict[str, Any] = {
    "accessories": "case, hose",
    "accuracy_class": "1.6级",
    "accuracy_text": "1.6级",
    "action": "certificate.issued",
    "address": "https://suyuan.example.com/calendar/3f9c.ics",
    "adjustment": "zero set",
    "amends": "LAB-2026-00041-M",
    "area": "Unit 1 / Boiler hall",
    "asset_number": "TPP-0042",
    "at_unit": "MPa",
    "batch": "2026-03",
    "before": "1.60",
    "after": "1.61",
    "based_on": "JJG 52-2013",
    "calibration_ids": ID,
    "certificate_number": "LAB-2026-00041-M",
    "check": "error of indication",
    "code": "JJG 52",
    "column": "serial_number",
    "columns": "出厂编号",
    "condition": "temperature",
    "content_hash": SHA256,
    "content_sha256": SHA256,
    "coverage_factor": 2.0,
    "coverage_probability": 0.95,
    "customer_en": "Example Power Plant",
    "customer_number": "PO-4711",
    "customer_zh": "示例电厂",
    "detail": "not a date",
    "disabled_reason": "410 Gone",
    "distribution": "normal",
    "edition": "2013",
    "ended_because": "the standard was out of tolerance",
    "en": "maximum permissible error",
    "entry": '{"event":"issued","number":"LAB-2026-00041-M"}',
    "estimate": 1.0003,
    "event": "certificate.issued",
    "events": "certificate.*",
    "every_minutes": 1440,
    "expanded_uncertainty": 0.0024,
    "expanded_uncertainty_unit": "MPa",
    "expected": "1.60",
    "expression": "l_S + d",
    "failure": "the file is gone",
    "field": "/item/serial_number",
    "file_name": "ledger.csv",
    "first": "l_S",
    "second": "d",
    "handed_to": "Zhao Min",
    "handling_en": "keep upright",
    "handling_zh": "直立放置",
    "ignored_columns": "remark",
    "influence_id": "l_S",
    "instance": "/v1/items",
    "intended_use_en": "calibration of analysers",
    "intended_use_zh": "分析仪校准",
    "issued_number": "LAB-2026-00042-K",
    "issuer_en": "Example Laboratory",
    "issuer_zh": "示例计量院",
    "item_name_en": "Pressure gauge",
    "item_name_zh": "压力表",
    "key": "suyuan_0199f2c4…",
    "kind": "calibration",
    "laboratory_en": "Example Laboratory",
    "laboratory_zh": "示例计量院",
    "last_answer": "200",
    "layout": "b3",
    "level_zh": "工作计量器具",
    "location": "Boiler hall",
    "lower": "0",
    "upper": "1.6",
    "manufacturer_en": "Example Instrument Works",
    "manufacturer_zh": "示例仪表厂",
    "maximum_permissible_error": 0.0256,
    "meant": "1.61",
    "read": "16.1",
    "measurand": "error_of_indication",
    "measurand_en": "Error of indication",
    "measurand_zh": "示值误差",
    "media_type": "application/xml",
    "method_en": "direct comparison",
    "method_zh": "直接比较",
    "minimum_sample_size": "0.5 g",
    "months": 12,
    "name": "nightly",
    "name_en": "Pressure gauge",
    "name_zh": "压力表",
    "no_as_found": "first verification",
    "nominal": 1.0,
    "nominal_unit": "MPa",
    "note": "after the overhaul",
    "number": "LAB-2026-00041-M",
    "original_record_number": "R-2026-0041",
    "output": "l",
    "outputs": "l",
    "performed_on": "2026-11-21",
    "period_months": 12,
    "photos": "/9j/4AAQSkZJRg==",
    "place": "pressure room",
    "pointer": "/items/0/serial_number",
    "previous_sha256": SHA256,
    "problems": "no uncertainty is stated",
    "procedure": "JJG 52-2013",
    "procedure_code": "JJG 52",
    "procedures": "JJG 52-2013",
    "quantity": "pressure",
    "range_text": "(0~1.6)MPa",
    "range_unit": "MPa",
    "range_lower": 0.0,
    "range_upper": 1.6,
    "reason": "the standard was out of tolerance",
    "reason_en": "The serial number was misread.",
    "reason_zh": "出厂编号误读。",
    "reasons": "its certificate ends before the day",
    "record_number": "R-2026-0041",
    "remarks": "handle with care",
    "replaced_by": "LAB-2026-00042-K",
    "reported": "0.01",
    "role": "metrologist",
    "changes": "calibrations",
    "rule": "edition",
    "schema_errors": "line 12: an element that is not expected",
    "schema_version": "3.3.0",
    "scopes": "book:read",
    "seal_sha256": SHA256,
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "serial_number": "0083105",
    "sha256": SHA256,
    "shorthand": "1.0003(12) MPa",
    "slip": "decimal point",
    "source": "certificate LAB-2026-00041-M",
    "stage": "as_found",
    "standard": ID,
    "standard_rank": "working",
    "state": "assigned",
    "statement": "re-verified, within limits",
    "status": "issued",
    "status_reason": "misread",
    "storage_en": "below 30 °C",
    "storage_zh": "30 ℃以下",
    "subject": "pressure gauge",
    "symbol": "l_S",
    "symbols": "l_S",
    "terminal_reason": "national standard",
    "test": "main",
    "text": "U = 0.0024 MPa, k = 2",
    "title": "Invalid field",
    "title_en": "Elastic element pressure gauges",
    "title_zh": "弹性元件式一般压力表、压力真空表和真空表",
    "toml": 'code = "LAB 1"\n',
    "type_designation": "Y-150",
    "unit": "MPa",
    "unverified": "order of the columns",
    "url": "https://erp.example.com/hooks/suyuan",
    "usage_unit": "h",
    "use": "process",
    "user_unit": "MPa",
    "valid_until": "2027-11-20",
    "value": 1.0,
    "verdict": "pass",
    "version": "1",
    "zh": "最大允许误差",
}
ITEM = {"kind": "measuring_instrument", "status": "in_use"}
PERSON = {"name_en": "Fang Wang", "name_zh": "王芳"}
ORDER = {"number": "2026-0017"}
CERTIFICATE = {"kind": "calibration_certificate"}
PLACE = {"value": 20.6, "unit": "°C"}
OF_A_KIND: dict[str, dict[str, Any]] = {  # where a field is not like another of its name
    "ItemSummary": ITEM,
    "ItemAnswer": ITEM,
    "PersonAnswer": PERSON,
    "InvitationIn": PERSON,
    "LoadAnswer": PERSON,
    "WorkOrderAnswer": ORDER,
    "LineAnswer": ORDER,
    "LineWithSteps": ORDER,
    "CertificateOfBook": CERTIFICATE,
    "CertificateSummary": CERTIFICATE,
    "CustomerAnswer": {"name_en": "Example Power Plant", "name_zh": "示例电厂"},
    "InboxAnswer": {"kind": "work_order"},
    "EnvironmentAnswer": PLACE,
    "EnvironmentIn": PLACE,
}
ENTRIES = {  # of an object whose names are free
    "corrections": ("/item/serial_number", "0083106"),
    "decisions": ("17", "new"),
    "readings": ("up", "0.41"),
    "environment": ("temperature", "20.6"),
    "conditions": ("temperature", "20.6"),
    "units": ("l_S", "mm"),
    "series": ("l_S", [50.0006, 50.0007, 50.0005]),
}


def add_examples(told: dict[str, Any]) -> None:
    """Give each body of an API's description, asked or answered as JSON, an example."""
    schemas = told["components"]["schemas"]
    for path in told["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                _exemplify(operation.get("requestBody", {}), schemas, is_request=True)
                for status, answer in operation["responses"].items():
                    if status.startswith("2"):
                        _exemplify(answer, schemas, is_request=False)


def _exemplify(body: dict[str, Any], schemas: dict[str, Schema], *, is_request: bool) -> None:
    for media_type, content in body.get("content", {}).items():
        is_told = "example" in content or "examples" in content or "schema" not in content
        if is_told or media_type not in ("application/json", "multipart/form-data"):
            continue
        content["example"] = _Maker(schemas, is_request=is_request).of(content["schema"], "")


class _Maker:
    """Makes examples: of an answer with all its fields, of a request with those it needs."""

    def __init__(self, schemas: dict[str, Schema], *, is_request: bool) -> None:
        self.schemas = schemas
        self.is_request = is_request

    def of(self, schema: Schema, name: str, depth: int = 0) -> Any:
        """Return an example of what a schema describes, in a field of a name."""
        told = [schema[key] for key in ("example", "const", "default")
                if schema.get(key) not in (None, [], {}, "")]  # fmt: skip
        told += [*schema.get("examples", ())[:1], *schema.get("enum", ())[:1]]
        if told:
            return told[0]
        if "$ref" in schema:
            return self.of(self.schemas[schema["$ref"].rsplit("/", 1)[1]], name, depth + 1)
        choices = [schema[key] for key in ("anyOf", "oneOf", "allOf") if key in schema]
        if choices:
            return self._of_one(choices[0], name, depth)
        make = {"object": self._object, "array": self._array}.get(schema.get("type", ""))
        return make(schema, name, depth) if make else _plain(schema, name)

    def _of_one(self, choices: list[Schema], name: str, depth: int) -> Any:
        known = [choice for choice in choices if choice.get("type") != "null"]
        if depth > DEEPEST and len(known) < len(choices):
            return None
        word = NAMES.get(name)
        fits = [c for c in known if isinstance(word, str) == (c.get("type") == "string")]
        return self.of((fits or known)[0], name, depth)

    def _object(self, schema: Schema, name: str, depth: int) -> dict[str, Any]:
        asked = schema.get("properties", {})
        if not asked and name in ENTRIES:
            return dict([ENTRIES[name]])
        if self.is_request:
            required = schema.get("required", [])
            asked = {key: value for key, value in asked.items()
                     if key in required or "examples" in value}  # fmt: skip
        special = OF_A_KIND.get(schema.get("title", ""), {})
        made = {key: special.get(key) or self.of(value, key, depth + 1)
                for key, value in asked.items()}  # fmt: skip
        beyond = schema.get("additionalProperties")
        if not made and isinstance(beyond, dict):
            name = self.of(schema.get("propertyNames", {"type": "string"}), "name", depth + 1)
            made[name] = self.of(beyond, "name", depth + 1)
        return made

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        if depth > DEEPEST and not schema.get("minItems"):
            return []
        if "prefixItems" in schema:
            return [self.of(part, name, depth + 1) for part in schema["prefixItems"]]
        one = self.of(schema.get("items", {}), name, depth + 1)
        return [one] * max(1, schema.get("minItems", 1))


def _plain(schema: Schema, name: str) -> Any:
    kind, word = schema.get("type"), NAMES.get(name)
    if kind == "boolean":
        return name in ("accepts", "fit", "holds", "within", "is_own", "is_in_force")
    if kind in ("integer", "number"):
        number = word if isinstance(word, int | float) else 1
        return _within(schema, int(number) if kind == "integer" else float(number))
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if schema.get("pattern") == "^[0-9a-f]{64}$":
        return SHA256
    text = str(word) if word is not None else name.replace("_", " ")
    return text[: schema.get("maxLength", 1000)] if kind == "string" else word or {}


def _within(schema: Schema, number: float) -> float:
    """Return a number that the schema's ends admit."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and number < low:
        number = low
    if high is not None and number > high:
        number = high
    if above is not None and number <= above:
        number = above + 1
    if below is not None and number >= below:
        number = ((above if above is not None else low or 0) + below) / 2
    return type(number)(number)
