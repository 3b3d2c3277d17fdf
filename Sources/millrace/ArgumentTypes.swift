import ArgumentParser
import Arrivals
import Ledger

extension ArrivalRole: ExpressibleByArgument {}
extension RunState: ExpressibleByArgument {}
