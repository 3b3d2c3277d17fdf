package import Arrivals

extension LedgerTransaction {
    /// Appends events, and from time to time drops the oldest beyond `keeping`.
    package func append(_ events: [NewEvent], at time: UTCTime, keeping bound: Int = 100_000) throws(LedgerError) {
        var last: Int64 = 0
        for event in events {
            let pipeline = try event.pipeline.map { (name) throws(LedgerError) in try connection.addPipeline(name) }
            last = try connection.insert(
                "INSERT INTO events (at, kind, pipeline, arrival, run, payload) VALUES (?, ?, ?, ?, ?, ?)", time, event.kind, pipeline,
                event.arrival, event.run, event.payload)
            try announce(event, at: time)
        }
        // At most a sixteenth more than the bound is kept, so that events are not dropped at every call.
        let slack = Int64(max(bound / 16, 1))
        guard last > 0, last / slack != (last - Int64(events.count)) / slack else { return }
        try connection.run("DELETE FROM events WHERE sequence <= ?", last - Int64(bound))
    }
}
