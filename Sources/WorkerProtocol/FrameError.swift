/// Says why a connection between daemon and worker cannot go on.
package enum FrameError: Error, Sendable, Hashable {
    /// The other side has closed the connection, or is gone.
    case closed
    /// A system call failed.
    case system(call: String, errno: Int32)
    /// A frame, or the address to connect to, is not as this protocol has it.
    case malformed(String)
}
