package import Foundation
import ONNXProto
import SwiftProtobuf

extension Model {
    /// The largest size of one protobuf message.
    package static let largestMessage = Int(Int32.max) - 1

    /// Returns the model as one message, with fields in number order, so that equal models give equal bytes. External data stays external.
    package func serialized() throws(ONNXError) -> Data {
        let payload = payloadByteCount
        if payload > Model.largestMessage { throw .tooLarge(byteCount: payload, limit: Model.largestMessage) }
        do {
            return try proto.serializedData(partial: true)
        } catch {
            throw .tooLarge(byteCount: payload, limit: Model.largestMessage)
        }
    }

    /// The number of bytes of tensor elements inside the message, which are nearly all of it for a large model.
    var payloadByteCount: Int {
        var total = 0
        forEachTensor { _, tensor in
            if !tensor.isExternal { total += tensor.byteCount ?? 0 }
        }
        return total
    }
}
