"""Everything the certificates package can refuse, as one tree.

CertificateError
├── ContentError                  .field names the field, as a path such as results[2].estimate
│   ├── FieldMissing              this kind of certificate must carry it (.kind)
│   ├── FieldForbidden            this kind of certificate must not carry it (.kind)
│   ├── FieldMalformed            the text, the digits or the order of dates cannot stand
│   │   └── ForbiddenCharacter    a character that XML or a reader cannot carry (.character)
│   ├── TooManySignificantDigits  an expanded uncertainty with more than two (.text)
│   ├── DigitsDisagree            estimate and expanded uncertainty end at different digits
│   ├── VerdictContradictsKind    a failed item on a verification certificate, and the like
│   └── SignatoriesIncomplete     not three different persons of the three meanings
├── NotCanonical                  a value that has no canonical bytes, such as a float
├── NumberError                   .text is what was given
│   ├── NumberMalformed
│   └── CheckCharacterWrong
├── UnknownUnit                   a unit without a D-SI form (.unit)
├── RenderingFailed               the typesetter refused the page
├── DccUnreadable                 not a digital calibration certificate at all
├── DccInvalid                    PTB's schema refuses what was to be sealed (.errors)
├── SchemaUnknown                 a schema is missing or is none (.path)
├── RevisionError
│   ├── AlreadyWithdrawn          a withdrawn certificate can be neither amended nor withdrawn
│   ├── AlreadyAmended            the newest of a chain is amended (.replaced_by)
│   └── NothingChanged
├── SealError
│   ├── KeyUnusable               no key or certificate of a seal, or not the one that belongs to it
│   ├── SealMalformed             not the file of one that this seals
│   └── SealBroken                the seal is not over these bytes, or not by a trusted key
└── LogError
    ├── EntryUnknown              an index or size beyond the log
    ├── EntryMalformed
    ├── ProofMalformed
    └── CheckpointMalformed
"""


class CertificateError(Exception):
    """The root of all refusals of this package."""


class ContentError(CertificateError):
    """The content of a certificate cannot stand; `field` says where."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class FieldMissing(ContentError):
    """A field that this kind of certificate must carry is empty."""

    def __init__(self, field: str, kind: str) -> None:
        self.kind = kind
        super().__init__(field, f"a {kind} must carry it")


class FieldForbidden(ContentError):
    """A field that this kind of certificate must not carry is filled."""

    def __init__(self, field: str, kind: str, why: str = "") -> None:
        self.kind = kind
        super().__init__(field, f"a {kind} must not carry it{': ' if why else ''}{why}")


class FieldMalformed(ContentError):
    """A field holds a text, digits or a date that cannot stand."""


class ForbiddenCharacter(FieldMalformed):
    """A text holds a character that no XML document or honest page can carry."""

    def __init__(self, field: str, character: str) -> None:
        self.character = character
        super().__init__(field, f"the character U+{ord(character):04X} cannot be printed")


class TooManySignificantDigits(ContentError):
    """An expanded uncertainty is stated with more than two significant digits."""

    def __init__(self, field: str, text: str) -> None:
        self.text = text
        super().__init__(field, f"{text} has more than two significant digits")


class BelowCapability(ContentError):
    """An expanded uncertainty is smaller than the calibration and measurement capability."""

    def __init__(self, field: str, expanded_uncertainty: str, capability: str) -> None:
        self.expanded_uncertainty = expanded_uncertainty
        self.capability = capability
        super().__init__(field, f"{expanded_uncertainty} is below the capability {capability}")


class DigitsDisagree(ContentError):
    """An estimate is not rounded to the last digit of its expanded uncertainty."""

    def __init__(self, field: str, estimate: str, expanded_uncertainty: str) -> None:
        self.estimate = estimate
        self.expanded_uncertainty = expanded_uncertainty
        super().__init__(
            field, f"{estimate} does not end at the last digit of U = {expanded_uncertainty}"
        )


class VerdictContradictsKind(ContentError):
    """A verdict stands on a document that cannot carry it."""


class SignatoriesIncomplete(ContentError):
    """A certificate is calibrated, checked and approved by three different persons."""


class NotCanonical(CertificateError):
    """A value has no canonical bytes, as text, whole numbers, truth and nests of them have."""

    def __init__(self, path: str, value: object) -> None:
        self.path = path
        super().__init__(f"{path}: a {type(value).__name__} has no canonical form")


class NumberError(CertificateError):
    """A certificate number cannot be formed or read."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        super().__init__(f"{text!r}: {reason}")


class NumberMalformed(NumberError):
    """The text is not of the form CODE-YYYY-NNNNN-C."""


class CheckCharacterWrong(NumberError):
    """The check character does not belong to the number: something was mistyped."""


class UnknownUnit(CertificateError):
    """A unit has no D-SI form in our table."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        super().__init__(f"the unit {unit!r} has no D-SI form")


class RenderingFailed(CertificateError):
    """The typesetter refused the page."""


class DccUnreadable(CertificateError):
    """The bytes are no digital calibration certificate that could be read."""


class DccInvalid(CertificateError):
    """PTB's schema refuses a digital calibration certificate; `errors` say where and why."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        self.errors = errors
        super().__init__(f"the digital certificate is not valid by its schema: {errors[0]}")


class SchemaUnknown(CertificateError):
    """A schema file is missing or is no schema."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"no such schema: {path}")


class RevisionError(CertificateError):
    """A certificate cannot be amended or withdrawn."""


class AlreadyWithdrawn(RevisionError):
    """A withdrawn certificate is not amended any more."""

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"certificate {number} is withdrawn already")


class AlreadyAmended(RevisionError):
    """Another certificate has taken its place already, and that one is to be amended."""

    def __init__(self, number: str, replaced_by: str) -> None:
        self.number = number
        self.replaced_by = replaced_by
        super().__init__(f"certificate {number} is replaced by {replaced_by} already")


class NothingChanged(RevisionError):
    """An amendment would say what the original says."""

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"nothing differs from certificate {number}")


class SealError(CertificateError):
    """A seal cannot be set, or does not hold."""


class KeyUnusable(SealError):
    """A key or a certificate cannot seal or cannot be trusted."""


class SealMalformed(SealError):
    """The file has not the form that a seal of ours gives it."""


class SealBroken(SealError):
    """The seal is not over these bytes, or was not set by a trusted key."""


class LogError(CertificateError):
    """The log cannot answer."""


class EntryUnknown(LogError):
    """An index or a tree size lies beyond the log."""


class EntryMalformed(LogError):
    """A text is no entry of a log."""


class ProofMalformed(LogError):
    """A text is no proof of a log."""


class CheckpointMalformed(LogError):
    """A text is no checkpoint."""
