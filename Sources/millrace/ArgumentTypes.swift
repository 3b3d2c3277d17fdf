import ArgumentParser
import Ledger

extension ArrivalRole: ExpressibleByArgument {}
extension RunState: ExpressibleByArgument {}
