import Foundation

/// Draws curves of few values as lines of text, for a terminal or a log.
package struct LossCurve {
    package struct Series: Sendable {
        package let name: String
        package let mark: Character
        /// The values, one for each epoch from the first shown; nil where there is none.
        package let values: [Double?]

        package init(_ name: String, mark: Character, _ values: [Double?]) {
            self.name = name
            self.mark = mark
            self.values = values
        }
    }

    private let series: [Series]
    private let firstEpoch: Int
    private let width: Int
    private let height: Int

    /// - Parameters:
    ///   - firstEpoch: the epoch of the series' first values.
    ///   - width, height: the size of the area that is drawn in, in characters, at least 2.
    package init(_ series: [Series], firstEpoch: Int = 1, width: Int = 60, height: Int = 12) {
        self.series = series
        self.firstEpoch = firstEpoch
        self.width = max(width, 2)
        self.height = max(height, 2)
    }

    /// Returns the curves of a run's training loss and of its loss on held-out rows, over the epochs that it had.
    package static func losses(
        training: [Double?], validation: [Double?], firstEpoch: Int, width: Int = 60, height: Int = 12
    ) -> LossCurve {
        LossCurve(
            [Series("training loss", mark: "*", training), Series("validation loss", mark: "o", validation)],
            firstEpoch: firstEpoch, width: width, height: height)
    }

    /// The lines from the top; none where there is nothing to draw. Where two marks fall on one place the later series is seen.
    package var lines: [String] {
        let drawn = series.filter { $0.values.contains { $0?.isFinite ?? false } }
        let values = drawn.flatMap { $0.values.compactMap(\.self) }.filter(\.isFinite)
        let count = drawn.map(\.values.count).max() ?? 0
        guard let least = values.min(), let most = values.max(), count > 0 else { return [] }
        let columns = min(count == 1 ? 1 : max(count, min(width, 3 * count)), width)
        var area = Array(repeating: Array(repeating: Character(" "), count: columns), count: height)
        for series in drawn {
            for (index, value) in series.values.enumerated() {
                guard let value, value.isFinite else { continue }
                let column = count == 1 ? 0 : index * (columns - 1) / (count - 1)
                let share = most > least ? (most - value) / (most - least) : 0.5
                area[Int((share * Double(height - 1)).rounded())][column] = series.mark
            }
        }
        var labels: [Int: String] = [:]
        for row in [0, (height - 1) / 2, height - 1] {
            labels[row] = String(format: "%.4g", most - (most - least) * Double(row) / Double(height - 1))
        }
        let margin = labels.values.map(\.count).max() ?? 0
        var lines = area.enumerated().map { row, characters in
            let label = labels[row] ?? ""
            return String(repeating: " ", count: margin - label.count) + label + " |" + String(characters).trimmedAtEnd
        }
        lines.append(String(repeating: " ", count: margin) + " +" + String(repeating: "-", count: columns))
        let first = "\(firstEpoch)", last = "\(firstEpoch + count - 1)"
        let gap = max(columns - first.count - last.count, 1)
        lines.append(
            String(repeating: " ", count: margin + 2) + (count == 1 ? first : first + String(repeating: " ", count: gap) + last) + "  epoch"
        )
        lines.append(String(repeating: " ", count: margin + 2) + drawn.map { "\($0.mark) \($0.name)" }.joined(separator: "   "))
        return lines
    }
}

extension String {
    fileprivate var trimmedAtEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
