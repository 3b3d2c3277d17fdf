import Glibc

/// A moment in milliseconds since 1970, UTC. In JSON it is ISO 8601 text such as `2031-02-03T04:05:06.789Z`.
package struct UTCTime: Hashable, Comparable, Sendable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static var now: UTCTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UTCTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package static func < (a: UTCTime, b: UTCTime) -> Bool { a.milliseconds < b.milliseconds }

    package func advanced(by duration: Duration) -> UTCTime {
        let (seconds, attoseconds) = duration.components
        return UTCTime(milliseconds: milliseconds + seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    package func duration(since earlier: UTCTime) -> Duration { .milliseconds(milliseconds - earlier.milliseconds) }

    /// The date, such as `2031-02-03`.
    package var date: String {
        let (year, month, day) = civil
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))"
    }

    /// The date without separators, such as `20310203`.
    package var compactDate: String { String(date.filter { $0 != "-" }) }

    /// The date of the proleptic Gregorian calendar. Years are counted from March, so that the leap day comes last.
    private var civil: (year: Int64, month: Int64, day: Int64) {
        let days = floorDivide(milliseconds, 86_400_000) + 719_468
        let era = floorDivide(days, 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((-a + b - 1) / b) }

    private func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}

extension UTCTime: CustomStringConvertible {
    package var description: String {
        let time = milliseconds - floorDivide(milliseconds, 86_400_000) * 86_400_000
        let (hour, minute, second) = (time / 3_600_000, time / 60_000 % 60, time / 1000 % 60)
        return "\(date)T\(digits(hour, 2)):\(digits(minute, 2)):\(digits(second, 2)).\(digits(time % 1000, 3))Z"
    }
}

extension UTCTime: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let time = UTCTime(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time like 2031-02-03T04:05:06.789Z: \(text)")
        }
        self = time
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Reads only the form that `description` writes; returns nil for other texts.
    package init?(_ text: String) {
        let parts = text.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
        // Four digits at most, since the calendar of the C library ends, and so does Int32.
        guard parts.count == 7, parts[0] <= 9999, parts.dropFirst().allSatisfy({ $0 <= 999 }), text.utf8.count >= 24, text.hasSuffix("Z")
        else { return nil }
        var fields = tm()
        fields.tm_year = Int32(parts[0] - 1900)
        fields.tm_mon = Int32(parts[1] - 1)
        fields.tm_mday = Int32(parts[2])
        fields.tm_hour = Int32(parts[3])
        fields.tm_min = Int32(parts[4])
        fields.tm_sec = Int32(parts[5])
        milliseconds = Int64(timegm(&fields)) * 1000 + Int64(parts[6])
    }
}
