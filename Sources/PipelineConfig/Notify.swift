/// Who is told of what happens in a pipeline: names that `notify` of `ROOT/millrace.yaml` explains.
package struct Notify: Sendable, Equatable {
    package internal(set) var published: [String] = []
    package internal(set) var rejected: [String] = []
    package internal(set) var quarantined: [String] = []
    package internal(set) var waitingLong: [String] = []
    /// The time that something may wait before a notification is sent.
    package internal(set) var waitingLongAfter = Duration.seconds(3600)

    package init() {}
}

/// Somebody who can be told, in `notify` of `ROOT/millrace.yaml`.
package struct NotifyTarget: Sendable, Equatable {
    package enum Way: Sendable, Equatable {
        /// The words of a command, which no shell reads. It gets the event on its standard input.
        case command([String])
        /// The address to which the event is posted.
        case post(String)
    }

    package let way: Way
    /// The time limit of one delivery.
    package let timeout: Duration

    package init(_ way: Way, timeout: Duration = .seconds(30)) {
        self.way = way
        self.timeout = timeout
    }
}
