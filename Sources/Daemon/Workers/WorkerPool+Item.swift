extension WorkerPool {
    /// Holds one piece of work. It is a class, since queues and counts of them would copy all of an assignment each time.
    package final class Item: Sendable {
        let pipeline: String
        let work: Work
        /// The seconds that it takes; nil where that is not known.
        let seconds: Double?

        package init(pipeline: String, work: Work, seconds: Double?) {
            self.pipeline = pipeline
            self.work = work
            self.seconds = seconds
        }
    }
}
