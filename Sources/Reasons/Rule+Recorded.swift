extension Rule {
    /// Finds the rule that a ledger or a document names, in the spelling of this version or of one before.
    package init(recorded text: String) { self = Rule(rawValue: text) ?? Self.formerSpellings[text] ?? .unrecorded }

    /// The rules by the texts that versions without a catalogue recorded.
    static let formerSpellings: [String: Rule] = [
        "bad-input": .dataInvalid, "bad-model": .modelInvalid, "input-changed": .inputChanged, "input-gone": .inputGone,
        "machine": .machineFault,
        "unreadable": .inputUnreadable, "resource": .attemptResources, "limits.time": .attemptTime, "cancelled": .attemptCancelled,
        "model-unavailable": .modelUnavailable, "rows_at_least": .labelsFew, "gate": .trainingGate, "diverged": .trainingDiverged,
        "executor-lost": .attemptLost, "one-output": .outputCollision, "one output has one input": .outputCollision,
        "an arrival needs its file": .inputGone, "settle.give_up": .dataTruncated, "special.unreadable": .inputUnreadable,
    ]
}

extension Rule: Codable {
    package init(from decoder: any Decoder) throws { self.init(recorded: try decoder.singleValueContainer().decode(String.self)) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(code)
    }
}
