/// Ends a run from another thread: a run that carries it throws `EngineError.cancelled` at the next operator boundary.
/// Once cancelled, it stays so; every later run that carries it is cancelled too.
package final class Cancellation: Sendable {
    let options: NativeRunOptions

    package init() throws(EngineError) {
        let table = try ONNXRuntime.table()
        do { options = try NativeRunOptions(table) } catch { throw .engine(error.message) }
    }

    package func cancel() { try? options.terminate() }
}
