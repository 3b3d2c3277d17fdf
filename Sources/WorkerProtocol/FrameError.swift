/// Why a connection between daemon and worker cannot go on.
package enum FrameError: Error, Sendable, Hashable {
    /// The other side has closed the connection, or is gone.
    case closed
    /// A system call failed.
    case system(call: String, errno: Int32)
    /// What came is no frame of this protocol.
    case malformed(String)
}
