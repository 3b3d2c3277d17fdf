import Foundation
import SwiftProtobuf

extension Message where Self: Equatable {
    /// Returns whether two messages are equal even if they hold a NaN: it compares with `==` first, which costs nothing for shared storage,
    /// and then by the written form.
    func hasSameBytes(as other: Self) -> Bool {
        if self == other { return true }
        guard let mine = try? serializedData(partial: true), let others = try? other.serializedData(partial: true) else { return false }
        return mine == others
    }
}

extension Data {
    /// Calls `withUnsafeBytes` with typed errors.
    func borrow(_ body: (UnsafeRawBufferPointer) throws(ONNXError) -> Void) throws(ONNXError) {
        let result: Result<Void, ONNXError> = withUnsafeBytes { bytes in
            Result { () throws(ONNXError) in try body(bytes) }
        }
        try result.get()
    }
}
