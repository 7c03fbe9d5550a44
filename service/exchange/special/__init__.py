"""Special evaluations: seven computations that no procedure edition can say, one form of answer.

Each module has the requests of one module of `procedures`; `file` reads them from files.
"""

from collections.abc import Mapping
from typing import Final

from service.exchange.special.asked import SpecialRequest
from service.exchange.special.calorimetry import HeatCapacityIn
from service.exchange.special.emission_monitors import EmissionMonitorsIn
from service.exchange.special.flow_traverse import FlowTraverseIn
from service.exchange.special.in_situ import InLineComparisonIn, RemoteRecordIn
from service.exchange.special.method_bias import BeltWeigherMethodsIn, EmissionBalanceIn

REQUESTS: Final[Mapping[str, type[SpecialRequest]]] = {
    asked.KIND: asked
    for asked in (
        EmissionMonitorsIn,
        BeltWeigherMethodsIn,
        EmissionBalanceIn,
        HeatCapacityIn,
        FlowTraverseIn,
        InLineComparisonIn,
        RemoteRecordIn,
    )
}
