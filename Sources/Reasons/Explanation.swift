/// Says why something is refused, waits, or is as it is, for an operator: what is wrong, by which rule, and what to do. Everything that
/// refuses a file says so with this value, from the check of its name to its note in quarantine.
package struct Explanation: Hashable, Codable, Sendable {
    /// The reason, without what cells of a table hold.
    package var reason: String
    package var rule: Rule
    package var remedy: String
    /// The values of the cells that the reason is about. Nil where it is about none, or where they are hidden.
    package var cells: CellValues?

    /// - Parameter remedy: what to do; by default what the rule says.
    package init(reason: Reason, rule: Rule, remedy: String? = nil) {
        self.reason = reason.text
        self.rule = rule
        self.remedy = remedy ?? rule.remedy
        cells = reason.cells
    }

    /// The reason, with what cells hold where that is told.
    package var fullReason: Reason {
        get { Reason(reason, cells: cells) }
        set { (reason, cells) = (newValue.text, newValue.cells) }
    }
}
