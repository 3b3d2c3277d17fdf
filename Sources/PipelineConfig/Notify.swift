/// Says who is told of events in a pipeline, by names that `notify` of `ROOT/millrace.yaml` defines.
package struct Notify: Sendable, Equatable {
    package internal(set) var published: [String] = []
    package internal(set) var rejected: [String] = []
    package internal(set) var quarantined: [String] = []
    package internal(set) var waitingLong: [String] = []
    /// The time that something may wait before a notification is sent.
    package internal(set) var waitingLongAfter = Duration.seconds(3600)

    package init() {}
}

/// Describes a receiver of notifications, in `notify` of `ROOT/millrace.yaml`.
package struct NotifyTarget: Sendable, Equatable {
    package enum Way: Sendable, Equatable {
        /// The event is given to a command, on its standard input. The words are run without a shell.
        case command([String])
        /// The event is posted to this address.
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
