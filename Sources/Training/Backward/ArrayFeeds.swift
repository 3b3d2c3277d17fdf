import Columnar
import ONNX
import Reasons
import Tensors
import TrainingGraph

/// Reads the arrays of an `.npz` file as inputs of a gradient graph: by name, and in the type that each input takes.
struct ArrayFeeds {
    private let path: String
    private let arrays: [(name: String, tensor: Tensor)]
    private let label: String?
    private let weight: String?
    private let classes: [String]?

    init(path: String, label: String?, weight: String?, classes: [String]?) throws(TrainingError) {
        self.path = path
        self.label = label
        self.weight = weight
        self.classes = classes
        do { arrays = try NamedArrays.read(path) } catch { throw .cannotRead(path: path, reason: "\(error)") }
    }

    func all(model: Model, graph: BackwardGraph, seed: GradientQuery.Seed) throws(TrainingError) -> [(name: String, tensor: Tensor)] {
        var feeds: [(name: String, tensor: Tensor)] = []
        let inputs = model.graph.requiredInputs
        for input in inputs {
            let only = inputs.count == 1 && arrays.count == 1 ? arrays[0].tensor : nil
            guard let tensor = array(input.name) ?? only else { throw missing(input.name, "model input") }
            feeds.append((input.name, try converted(tensor, to: input.type?.elementType ?? tensor.elementType, input.name)))
        }
        switch seed {
        case .cotangents(let given):
            for (name, tensor) in given {
                guard let input = graph.cotangents[name] else { continue }
                feeds.append((input, tensor))
            }
        case .loss:
            var rows = feeds.first?.tensor.shape.dimensions.first ?? 1
            if let target = graph.target {
                guard let label else {
                    throw .badLabels(file: path, reason: "no array is said to be the label", remedy: "name it: --label NAME")
                }
                guard let tensor = array(label) else { throw missing(label, "label") }
                var labels = try converted(tensor, to: target.elementType, label)
                rows = labels.shape.dimensions.first ?? rows
                // An array `[N, 1]` is taken for `[N]`, and the other way round.
                if labels.shape.rank != target.dimensions.count, labels.elementCount == rows {
                    labels = labels.reshaped(Shape([rows] + target.dimensions.dropFirst().map { _ in 1 }))
                }
                try check(labels, label, classCount: target.elementType == .int64 ? graph.scores.first?.classCount : nil)
                feeds.append((target.name, labels))
            }
            if let input = graph.sampleWeight {
                guard let weight else {
                    feeds.append((input, Tensor(.float32, [rows], [Float](repeating: 1, count: rows))))
                    break
                }
                guard let tensor = array(weight) else { throw missing(weight, "weight") }
                feeds.append((input, try converted(tensor, to: .float32, weight)))
            }
        }
        return feeds
    }

    private func check(_ labels: Tensor, _ name: String, classCount: Int?) throws(TrainingError) {
        guard let classCount, let values = labels.values(as: Int64.self) else { return }
        guard let bad = values.firstIndex(where: { $0 != -100 && !(0..<Int64(classCount)).contains($0) }) else { return }
        throw .badLabels(
            file: path,
            reason: "array '\(name)', element \(bad): \(cell: "\(values[bad])", shown: "the class \(values[bad])", hidden: "the class") "
                + "is none of the model's \(classCount), which count from 0",
            remedy: "mend the label, or give the classes their names (--classes) where labels are names")
    }

    private func array(_ name: String) -> Tensor? { arrays.first { $0.name == name }?.tensor }

    private func missing(_ name: String, _ what: String) -> TrainingError {
        let names = arrays.map { $0.name.isEmpty ? "one without a name" : "'\($0.name)'" }.joined(separator: ", ")
        return .badLabels(
            file: path, reason: "there is no array '\(name)' for the \(what); the arrays are \(names)",
            remedy: "name the arrays as the model's inputs")
    }

    private func converted(_ tensor: Tensor, to type: ElementType, _ name: String) throws(TrainingError) -> Tensor {
        do { return try tensor.converted(to: type, classes: classes) } catch {
            throw .badLabels(file: path, reason: "array '\(name)': \(error.reason)", remedy: "save it in another type")
        }
    }
}

struct NotConvertible: Error {
    let reason: Reason
}

extension Tensor {
    func reshaped(_ shape: Shape) -> Tensor {
        withExtendedLifetime(self) { Tensor(elementType: elementType, shape: shape, bytes: bytes)! }
    }

    /// Returns the same numbers in another type, where that holds them (floating point types round). Names of classes become their index.
    func converted(to type: ElementType, classes: [String]? = nil) throws(NotConvertible) -> Tensor {
        if let strings {
            guard let classes else { throw NotConvertible(reason: "it holds text, and numbers are wanted") }
            var indices: [Double] = []
            for name in strings {
                guard let index = classes.firstIndex(of: name) else { throw NotConvertible(reason: "\(cell: name) is none of the classes") }
                indices.append(Double(index))
            }
            return try Tensor(.float64, shape, indices).converted(to: type)
        }
        if elementType == type { return self }
        var numbers: [Double] = []
        numbers.reserveCapacity(elementCount)
        for index in 0..<elementCount {
            guard let number = anyNumber(index) else {
                throw NotConvertible(reason: "\(elementType.name) values cannot be taken as numbers")
            }
            numbers.append(number)
        }
        func integers<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type) throws(NotConvertible) -> Tensor {
            var values: [Value] = []
            for number in numbers {
                guard let value = Value(exactly: number) else {
                    throw NotConvertible(reason: "\(cell: "\(number)", shown: "\(number)") is no \(type.name)")
                }
                values.append(value)
            }
            return Tensor(type, shape, values)
        }
        switch type {
        case .float32: return Tensor(type, shape, numbers.map { Float($0) })
        case .float64: return Tensor(type, shape, numbers)
        case .float16: return Tensor(type, shape, numbers.map { Float16($0) })
        case .int64: return try integers(Int64.self)
        case .int32: return try integers(Int32.self)
        case .int16: return try integers(Int16.self)
        case .int8: return try integers(Int8.self)
        case .uint64: return try integers(UInt64.self)
        case .uint32: return try integers(UInt32.self)
        case .uint16: return try integers(UInt16.self)
        case .uint8: return try integers(UInt8.self)
        case .bool: return Tensor(type, shape, numbers.map { $0 != 0 })
        default: throw NotConvertible(reason: "\(elementType.name) cannot be made \(type.name)")
        }
    }

    private func anyNumber(_ index: Int) -> Double? {
        func load<Value: BinaryInteger & BitwiseCopyable>(_: Value.Type) -> Double {
            Double(bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Value>.size, as: Value.self))
        }
        switch elementType {
        case .float32, .float64, .float16, .bfloat16, .int32, .int64: return number(index)
        case .int8: return load(Int8.self)
        case .uint8, .bool: return load(UInt8.self)
        case .int16: return load(Int16.self)
        case .uint16: return load(UInt16.self)
        case .uint32: return load(UInt32.self)
        case .uint64: return load(UInt64.self)
        default: return nil
        }
    }
}
