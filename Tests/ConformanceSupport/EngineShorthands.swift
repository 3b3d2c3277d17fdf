package import Engine
import Machine
package import Tensors

extension Session {
    /// Runs with one tensor for each model input, in the model's order. `outputs` are indices, in the order wanted; nil is all of them.
    package func run(
        _ tensors: [Tensor], outputs selected: [Int]? = nil, cancellation: Cancellation? = nil
    ) throws(EngineError) -> [EngineValue] {
        guard tensors.count <= inputs.count else { throw .unknownInput("number \(inputs.count + 1)", known: inputs.map(\.name)) }
        return try run(
            zip(inputs, tensors).map { ($0.name, EngineValue.tensor($1)) }, outputs: selected?.map { outputs[$0].name },
            cancellation: cancellation)
    }
}

extension SessionOptions {
    /// OpenVINO in float32 on one thread.
    package static var openVINO: SessionOptions { SessionOptions(engine: .openVINO(.float32)) }
}

extension StatefulSession {
    /// Returns a copy of the present value of a slot.
    package func value(_ name: String) throws(EngineError) -> Tensor {
        guard let value = values[name] else { throw .unknownInput(name, known: slots.map(\.name)) }
        return value
    }

    /// Copies of the present values of all slots, by name.
    package var values: [String: Tensor] {
        Dictionary(
            zip(slots, inputs).compactMap { slot, input in
                input.value.tensor.flatMap { Tensor(elementType: $0.elementType, shape: $0.shape, bytes: $0.bytes) }.map { (slot.name, $0) }
            }, uniquingKeysWith: { first, _ in first })
    }
}
