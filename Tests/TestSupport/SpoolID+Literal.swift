package import Arrivals

extension SpoolID: ExpressibleByStringLiteral {
    /// The spool that `PIPELINE/ROLE` names, or the data spool of the pipeline `PIPELINE`.
    package init(stringLiteral text: String) {
        let parts = text.split(separator: "/").map(String.init)
        self.init(parts[0], parts.count > 1 ? ArrivalRole(rawValue: parts[1])! : .data)
    }
}
