/// UTC by arithmetic: no locale, no time zone files.
struct CalendarTime {
    private let days: Int64
    private let milliseconds: Int64

    init(secondsSince1970 seconds: Int64) { self.init(millisecondsSince1970: seconds * 1000) }

    init(millisecondsSince1970 time: Int64) {
        milliseconds = ((time % 86_400_000) + 86_400_000) % 86_400_000
        days = (time - milliseconds) / 86_400_000
    }

    /// `2026-11-23`
    var date: String {
        let (year, month, day) = civil
        return "\(year)-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// `20261123`
    var compactDate: String { String(date.filter { $0 != "-" }) }

    /// `2026-11-23T21:30:05.123Z`
    var timestamp: String {
        let seconds = milliseconds / 1000
        return "\(date)T\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))."
            + "\(padded(milliseconds % 1000, 3))Z"
    }

    /// Days to year, month, day in the proleptic Gregorian calendar, counted in eras of 400 years that begin on 1 March.
    private var civil: (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private func padded(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
