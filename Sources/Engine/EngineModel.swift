import Tensors

/// Describes what an engine does with a model that it has loaded. `Session` and the other sessions are written on it alone, so that they
/// behave alike on every engine. Runs may overlap on any number of threads.
protocol EngineModel: AnyObject, Sendable {
    var inputs: [ValueInfo] { get }
    /// The outputs. An output that the model names more than once is one value, and is here once.
    var outputs: [ValueInfo] { get }

    /// Makes a value that points into the tensor's buffer without copying; strings are copied.
    func makeValue(_ tensor: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue
    func makeSequence(_ elements: [NativeValue], of element: ValueInfo.Kind, for info: ValueInfo) throws(EngineError) -> NativeValue
    func makeMap(keys: Tensor, values: Tensor, for info: ValueInfo) throws(EngineError) -> NativeValue
    /// Copies the value of an output out of the engine's memory.
    func read(_ value: NativeValue, from info: ValueInfo) throws(EngineError) -> EngineValue
    /// Returns whether `value` is a tensor that lies in the memory of `tensor` and has its type and shape.
    func holds(_ value: NativeValue, _ tensor: Tensor) -> Bool

    /// Runs the model over values by input index. `selected` are indices of outputs, in the order wanted; `nil` means all of them.
    func run(
        _ values: [(index: Int, value: NativeValue)], outputs selected: [Int]?, cancellation: Cancellation?
    ) throws(EngineError) -> [NativeValue]
    func makeBinding() throws(EngineError) -> any NativeBinding
}

/// Describes the values that the next run of a model reads and writes. Its owner must not use it from two threads at once, and keeps the
/// memory that it is given.
protocol NativeBinding: AnyObject {
    func bind(input index: Int, to value: NativeValue) throws(EngineError)
    /// Binds every output: to the value given for it or, if that is `nil`, to memory that the engine allocates.
    func bind(outputs: [(index: Int, value: NativeValue?)]) throws(EngineError)
    /// Makes the engine allocate the output in the next run, instead of using what was bound or allocated for it before.
    func release(output index: Int) throws(EngineError)
    func run(cancellation: Cancellation?) throws(EngineError)
    /// Returns the output values in the order in which the outputs were bound.
    func takeOutputs() throws(EngineError) -> [NativeValue]
}

/// Owns a value of an engine and keeps alive the memory that it points into. It is for the model that made it.
final class NativeValue: @unchecked Sendable {
    // A value is only read after it is filled, which the engines allow from any number of threads.
    let pointer: OpaquePointer
    private let backing: TensorBuffer?
    private let free: @convention(c) (OpaquePointer?) -> Void

    /// Takes over a value that `free` frees.
    init(_ pointer: OpaquePointer, backing: TensorBuffer?, free: @escaping @convention(c) (OpaquePointer?) -> Void) {
        self.pointer = pointer
        self.backing = backing
        self.free = free
    }

    deinit { free(pointer) }
}
