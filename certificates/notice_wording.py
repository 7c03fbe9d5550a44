"""What is said to the holders of a certificate when something became of it, Chinese and English.

Source: ISO/IEC 17025:2017, 7.8.8 (amendments) and 7.10.1 (nonconforming work: the customer is
told, and work is recalled, where it is needed).
"""

from certificates.wording import Bilingual


def ended_wording(subject: Bilingual, *, is_replaced: bool, reason: str) -> Bilingual:
    """Return what holders are told when a calibration or a certificate no longer stands.

    Args:
        subject: what ended, as its holder knows it: an item's name with a number, or a number.
        is_replaced: by a new one, which is sent to its holder; withdrawn otherwise.
        reason: in the words of whoever ended it.
    """
    if is_replaced:
        return Bilingual(
            f"{subject.zh}已由新的结果代替，不再有效。原因：{reason}。请停止使用原结果，以新的为准。",
            f"{subject.en} has been replaced and no longer holds. Reason: {reason}. Please stop "
            "relying on the old results and take those that replace them.",
        )
    return Bilingual(
        f"{subject.zh}已撤销。原因：{reason}。请停止使用其结果，并评估以其为依据的工作。",
        f"{subject.en} has been withdrawn. Reason: {reason}. Please stop relying on its results "
        "and review the work that rests on them.",
    )


def out_of_tolerance_wording(
    standard: Bilingual, *, found_on: str, last_good_on: str, results: int, overturned: int
) -> Bilingual:
    """Return what a customer is told when a standard behind its results was out of tolerance.

    Args:
        standard: its name with the number of its certificate.
        found_on, last_good_on: the day it was found, and the last day it is known to have been
            good, as dates are written.
        results: how many of the customer's results are affected; `overturned` of them conformed
            as reported and no longer do.
    """
    return Bilingual(
        f"我机构所用标准{standard.zh}于{found_on}被发现超差，最后一次确认良好的日期为{last_good_on}。"
        f"贵单位共{results}个结果受其影响，其中{overturned}个的合格结论不再成立，详见下表。"
        "请评估受影响的工作，并送回所列器具复校或复检。",
        f"Our standard {standard.en} was found out of tolerance on {found_on}; it is last known to "
        f"have been good on {last_good_on}. It affects {results} of your results, of which "
        f"{overturned} conformed as reported and no longer do; they are listed below. Please "
        "review the work that rests on them, and return the items listed to be calibrated or "
        "verified anew.",
    )
