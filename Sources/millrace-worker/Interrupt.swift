import Attempts
import Dispatch
import Foundation

/// Takes an attempt back at Ctrl-C, so that nothing half-written stays.
final class Interrupt {
    let cancellation = AttemptCancellation()
    private let source: any DispatchSourceSignal

    init() {
        signal(SIGINT, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler { [cancellation] in cancellation.cancel() }
        source.resume()
    }

    deinit { source.cancel() }
}
