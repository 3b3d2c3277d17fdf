import Foundation
package import Recipes

extension TrainingProgress {
    /// Returns one line that fits a terminal of `width` columns: a bar over the whole plan, the loss, the speed and the time left.
    package func bar(width: Int = 80) -> String {
        switch phase {
        case .building: return "building the training graph"
        case .packing: return "packing rows: \(Self.grouped(rows))"
        case .training, .evaluating: break
        }
        let share = steps > 0 ? min(Double(step) / Double(steps), 1) : 0
        let head = "epoch \(epoch)/\(epochs) "
        var tail = ""
        if let loss { tail += String(format: " loss %.4g", loss) }
        if phase == .evaluating {
            tail += "  measuring"
        } else if let rowsPerSecond {
            tail += "  \(Self.grouped(Int(rowsPerSecond.rounded()))) examples/s"
        }
        if let secondsLeft { tail += "  \(Self.clock(secondsLeft)) left" }
        let room = max(min(width - head.count - tail.count - 2, 40), 4)
        let done = Int((share * Double(room)).rounded(.down))
        return head + "[" + String(repeating: "#", count: done) + String(repeating: "-", count: room - done) + "]" + tail
    }

    /// The line for an output that keeps lines; nil except where an epoch has ended.
    package var line: String? {
        guard let finished else { return nil }
        var parts = ["epoch \(finished.epoch)/\(epochs)"]
        if let loss = finished.trainingLoss { parts.append(String(format: "loss %.6g", loss)) }
        parts += finished.validation.sorted { $0.key < $1.key }.map { "validation \($0.key) " + String(format: "%.6g", $0.value) }
        if let rowsPerSecond, finished.epoch > 0 { parts.append("\(Self.grouped(Int(rowsPerSecond.rounded()))) examples/s") }
        if let secondsLeft, finished.epoch > 0, finished.epoch < epochs { parts.append("\(Self.clock(secondsLeft)) left") }
        return parts.joined(separator: ", ")
    }

    /// Formats seconds: `0:07`, `12:30`, `1:02:03`.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "?" }
        let whole = Int(max(seconds, 0).rounded(.up))
        let minutes = whole / 60 % 60, rest = whole % 60
        return whole >= 3600 ? String(format: "%d:%02d:%02d", whole / 3600, minutes, rest) : String(format: "%d:%02d", minutes, rest)
    }

    /// Formats a number with groups of three digits: `12,345`.
    static func grouped(_ number: Int) -> String {
        let digits = String(number.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + text
    }
}
