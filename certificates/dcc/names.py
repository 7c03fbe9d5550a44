"""The names that writer and reader of digital calibration certificates share."""

from certificates.content import PlaceOfPerformance, Stage
from procedures.conformity import Verdict

DCC = "https://ptb.de/dcc"
SI = "https://ptb.de/si"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"

PERFORMANCE_LOCATIONS = {
    PlaceOfPerformance.LABORATORY: "laboratory",
    PlaceOfPerformance.LABORATORY_BRANCH: "laboratoryBranch",
    PlaceOfPerformance.CUSTOMER: "customer",
    PlaceOfPerformance.CUSTOMER_BRANCH: "customerBranch",
    PlaceOfPerformance.OTHER: "other",
}
STATUSES = {Stage.AS_FOUND: "beforeAdjustment", Stage.AS_LEFT: "afterAdjustment"}

# The schema knows no "undetermined"; noPass says that conformity was not shown.
CONFORMITIES = {
    Verdict.PASS: "pass",
    Verdict.CONDITIONAL_PASS: "conditionalPass",
    Verdict.UNDETERMINED: "noPass",
    Verdict.CONDITIONAL_FAIL: "conditionalFail",
    Verdict.FAIL: "fail",
}

# What a hash in a certificate was calculated from, and by what.
NO_HASH = "analogue"
FILE_HASH = "SHA256"

# PTB's Schematron wants a method and a condition in every document, even to say there is none.
NOT_STATED = "suyuan_notStated"
