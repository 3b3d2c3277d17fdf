internal import Glibc
internal import Recipes

extension TimeSpelling {
    /// Returns the message that asks how dates and times are spelled, for an input of text.
    static func question(_ input: String) -> String {
        "dates and times are spelled in several ways as text: schema.inputs.\(input): { times: iso } gives them all as ISO 8601 writes "
            + "them, and `times: text` takes the text that a file has"
    }

    /// Returns a date, a time or both in the one spelling; `nil` where the text is neither.
    static func iso(_ text: String) -> String? {
        var reader = Reader(text)
        guard let date = reader.date() else {
            guard let clock = reader.clock(), reader.isAtEnd else { return nil }
            return clock.text
        }
        if reader.isAtEnd { return date.text }
        guard reader.take(UInt8(ascii: "T")) || reader.take(UInt8(ascii: " ")), let clock = reader.clock() else { return nil }
        if reader.isAtEnd { return clock.isMidnight ? date.text : date.text + "T" + clock.text }
        _ = reader.take(UInt8(ascii: " "))
        guard let offset = reader.offset(), reader.isAtEnd else { return nil }
        // The minutes since the epoch carry over to days, months and years.
        let minutes = date.days * 1440 + clock.hour * 60 + clock.minute - offset
        let day = minutes >= 0 ? minutes / 1440 : (minutes - 1439) / 1440
        let rest = minutes - day * 1440
        let time = Clock(hour: rest / 60, minute: rest % 60, second: clock.second, fraction: clock.fraction)
        return Date(days: day).text + "T" + time.text + "Z"
    }

    private struct Clock {
        var hour: Int, minute: Int, second: Int
        var fraction: String
        var isMidnight: Bool { hour == 0 && minute == 0 && second == 0 && fraction.isEmpty }
        var text: String {
            padded(hour, 2) + ":" + padded(minute, 2) + ":" + padded(second, 2) + (fraction.isEmpty ? "" : "." + fraction)
        }
    }

    /// Describes a day of the Gregorian calendar.
    private struct Date {
        let days: Int
        let text: String

        init?(year: Int, month: Int, day: Int) {
            var parts = tm()
            parts.tm_year = Int32(year - 1900)
            parts.tm_mon = Int32(month - 1)
            parts.tm_mday = Int32(day)
            let seconds = timegm(&parts)
            // A day that does not exist has become another one.
            guard parts.tm_mon == Int32(month - 1), parts.tm_mday == Int32(day) else { return nil }
            days = seconds / 86_400
            text = padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2)
        }

        init(days: Int) {
            self.days = days
            var seconds = time_t(days * 86_400), parts = tm()
            gmtime_r(&seconds, &parts)
            text = padded(Int(parts.tm_year) + 1900, 4) + "-" + padded(Int(parts.tm_mon) + 1, 2) + "-" + padded(Int(parts.tm_mday), 2)
        }
    }

    private struct Reader {
        private var bytes: ArraySlice<UInt8>
        init(_ text: String) { bytes = Array(text.utf8)[...] }

        var isAtEnd: Bool { bytes.isEmpty }

        mutating func take(_ byte: UInt8) -> Bool {
            guard bytes.first == byte else { return false }
            bytes.removeFirst()
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard bytes.count >= count else { return nil }
            var value = 0
            for byte in bytes.prefix(count) {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            bytes.removeFirst(count)
            return value
        }

        mutating func date() -> Date? {
            let start = bytes
            guard let year = digits(4), take(UInt8(ascii: "-")), let month = digits(2), take(UInt8(ascii: "-")), let day = digits(2),
                let date = Date(year: year, month: month, day: day)
            else {
                bytes = start
                return nil
            }
            return date
        }

        mutating func clock() -> Clock? {
            guard let hour = digits(2), take(UInt8(ascii: ":")), let minute = digits(2), hour < 24, minute < 60 else { return nil }
            var clock = Clock(hour: hour, minute: minute, second: 0, fraction: "")
            guard take(UInt8(ascii: ":")) else { return clock }
            guard let second = digits(2), second < 60 else { return nil }
            clock.second = second
            guard take(UInt8(ascii: ".")) else { return clock }
            let fraction = bytes.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            guard !fraction.isEmpty else { return nil }
            bytes.removeFirst(fraction.count)
            var kept = fraction
            while kept.last == UInt8(ascii: "0") { kept.removeLast() }
            clock.fraction = String(decoding: kept, as: UTF8.self)
            return clock
        }

        /// Reads the minutes ahead of UTC: `Z`, `+01:00`, `+0100`, `+01`, `UTC`.
        mutating func offset() -> Int? {
            if take(UInt8(ascii: "Z")) { return 0 }
            if bytes.elementsEqual("UTC".utf8) {
                bytes.removeAll()
                return 0
            }
            let sign = take(UInt8(ascii: "+")) ? 1 : take(UInt8(ascii: "-")) ? -1 : 0
            guard sign != 0, let hours = digits(2) else { return nil }
            _ = take(UInt8(ascii: ":"))
            return sign * (hours * 60 + (digits(2) ?? 0))
        }
    }
}

private func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(width - digits.count, 0)) + digits
}
