internal import Synchronization

/// Holds what other threads want of one that waits in a `WakePipe`. Any thread may change the mail, which wakes the one that waits.
final class Mailbox<Mail: Sendable>: Sendable {
    /// The pipe in which the thread waits. Others may signal it too.
    let wake = WakePipe()
    private let mail: Mutex<Mail>

    init(_ mail: Mail) { self.mail = Mutex(mail) }

    /// Changes the mail and wakes the thread that waits.
    func post<Answer: Sendable>(_ change: (inout Mail) -> Answer) -> Answer {
        defer { wake.signal() }
        return take(change)
    }

    /// Reads the mail or takes it out, without a signal.
    func take<Answer: Sendable>(_ body: (inout Mail) -> Answer) -> Answer {
        mail.withLock { mail in body(&mail) }
    }
}
