import Arrivals
import Foundation
import Testing

@Suite struct UTCTimeTests {
    /// Against Foundation's calendar, over centuries and around leap days.
    @Test func textIsThatOfTheCalendar() {
        let calendar = ISO8601DateFormatter()
        calendar.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        calendar.timeZone = TimeZone(identifier: "UTC")
        var times: [Int64] = [0, -1, 951_782_399_999, 951_782_400_000, 951_868_800_000, 4_107_542_400_000, 1_709_164_800_000]
        for step in 0..<2000 { times.append(-60_000_000_000_000 + Int64(step) * 77_777_777_777) }
        for milliseconds in times where milliseconds > -12_000_000_000_000 {
            let time = UTCTime(milliseconds: milliseconds)
            let wanted = calendar.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1000))
            #expect(time.description == wanted)
            #expect(UTCTime(wanted) == time)
            #expect(time.compactDate == wanted.prefix(10).filter { $0 != "-" })
        }
    }

    @Test(arguments: [
        "", "2031-02-03", "2031-02-03T04:05:06Z", "2031-02-03T04:05:06.789", "2031-02-03T04:05:06.789+01:00",
        "9999999999-02-03T04:05:06.789Z", "2031-99999999999-03T04:05:06.789Z",
    ])
    func otherTextIsNoTime(_ text: String) {
        #expect(UTCTime(text) == nil)
    }
}
