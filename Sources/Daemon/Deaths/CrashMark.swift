import Glibc

/// Writes the number of the signal by which the process crashes into a file, and lets it crash.
enum CrashMark {
    private static let signals = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS]
    private static let stackBytes = 1 << 16
    /// SS_DISABLE of sigaltstack(2).
    private static let disabled: Int32 = 2

    // Set before a signal can come, and only read by the handler, which may call nothing that takes a lock.
    nonisolated(unsafe) private static var descriptor: Int32 = -1
    nonisolated(unsafe) private static var place: off_t = 0
    /// Holds the action of each signal from before, by number.
    nonisolated(unsafe) private static let before = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)

    static func install(descriptor: Int32, place: Int) {
        // Where it is installed already, only the file is another.
        let isInstalled = self.descriptor >= 0
        self.descriptor = descriptor
        self.place = off_t(place)
        if isInstalled { return }
        for signal in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { CrashMark.mark($0) }
            action.sa_flags = Int32(SA_ONSTACK)
            sigaction(signal, &action, before + Int(signal))
        }
    }

    /// Gives this thread a stack for the handler: its own may be what has overflowed.
    static func giveStack() {
        var known = stack_t()
        guard sigaltstack(nil, &known) == 0, known.ss_flags & disabled != 0 else { return }
        var stack = stack_t(ss_sp: malloc(stackBytes), ss_flags: 0, ss_size: stackBytes)
        sigaltstack(&stack, nil)
    }

    private static func mark(_ signal: Int32) {
        let tens = UInt8(truncatingIfNeeded: 48 + signal / 10)
        let ones = UInt8(truncatingIfNeeded: 48 + signal % 10)
        var digits = UInt16(ones) << 8 | UInt16(tens)
        digits = UInt16(littleEndian: digits)
        _ = pwrite(descriptor, &digits, 2, place)
        // What was there before gets the signal: by default it ends the process.
        sigaction(signal, before + Int(signal), nil)
        raise(signal)
    }
}
