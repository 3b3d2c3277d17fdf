import Tensors

extension Dimension {
    /// Combines two statements about one extent; returns `nil` if they contradict each other.
    static func merge(_ left: Dimension, _ right: Dimension) -> Dimension? {
        switch (left, right) {
        case (.fixed(let a), .fixed(let b)): a == b ? left : nil
        case (.fixed, _), (.symbolic, .unknown): left
        case (_, .fixed), (.unknown, _): right
        case (.symbolic, .symbolic): left
        }
    }

    /// Combines two extents as in ONNX "Broadcasting": 1 is replaced by the other; `nil` where two fixed extents differ.
    static func broadcast(_ left: Dimension, _ right: Dimension) -> Dimension? {
        if left == right || right == .fixed(1) { return left }
        if left == .fixed(1) { return right }
        return switch (left, right) {
        case (.fixed, .fixed): nil
        case (.fixed, _): left
        case (_, .fixed): right
        default: .unknown
        }
    }

    static func + (left: Dimension, right: Dimension) -> Dimension {
        if right == .fixed(0) { return left }
        if left == .fixed(0) { return right }
        return combine(left, right) { $0.addingReportingOverflow($1) }
    }

    static func - (left: Dimension, right: Dimension) -> Dimension {
        right == .fixed(0) ? left : combine(left, right) { $0.subtractingReportingOverflow($1) }
    }

    static func * (left: Dimension, right: Dimension) -> Dimension {
        if right == .fixed(1) { return left }
        if left == .fixed(1) { return right }
        return combine(left, right) { $0.multipliedReportingOverflow(by: $1) }
    }

    /// Divides exactly; the result is unknown where there is a remainder.
    static func / (left: Dimension, right: Dimension) -> Dimension {
        if right == .fixed(1) { return left }
        guard let a = left.value, let b = right.value, b > 0, a % b == 0 else { return .unknown }
        return .fixed(a / b)
    }

    private static func combine(_ left: Dimension, _ right: Dimension, _ body: (Int, Int) -> (Int, Bool)) -> Dimension {
        guard let a = left.value, let b = right.value else { return .unknown }
        let (result, overflow) = body(a, b)
        return overflow ? .unknown : .fixed(result)
    }
}

extension [Dimension] {
    var product: Dimension { reduce(.fixed(1), *) }

    /// The extents, where all are known; nil otherwise.
    var fixed: [Int]? {
        let values = compactMap(\.value)
        return values.count == count ? values : nil
    }

    static func broadcast(_ left: [Dimension], _ right: [Dimension]) -> [Dimension]? {
        let rank = Swift.max(left.count, right.count)
        let a = [Dimension](repeating: .fixed(1), count: rank - left.count) + left
        let b = [Dimension](repeating: .fixed(1), count: rank - right.count) + right
        var result: [Dimension] = []
        for axis in 0..<rank {
            guard let extent = Dimension.broadcast(a[axis], b[axis]) else { return nil }
            result.append(extent)
        }
        return result
    }
}

extension ValueType {
    /// Combines two statements about one value; returns `nil` if they contradict each other.
    package static func merge(_ left: ValueType?, _ right: ValueType?) -> ValueType?? {
        guard let left else { return .some(right) }
        guard let right else { return .some(left) }
        func elements<T: Equatable>(_ a: T?, _ b: T?) -> T?? { a == nil ? .some(b) : b == nil || a == b ? .some(a) : nil }
        func extents(_ a: [Dimension]?, _ b: [Dimension]?) -> [Dimension]?? {
            guard let a else { return .some(b) }
            guard let b else { return .some(a) }
            guard a.count == b.count else { return nil }
            var result: [Dimension] = []
            for (x, y) in zip(a, b) {
                guard let extent = Dimension.merge(x, y) else { return nil }
                result.append(extent)
            }
            return .some(result)
        }
        switch (left, right) {
        case (.tensor(let a, let x), .tensor(let b, let y)):
            guard let type = elements(a, b), let shape = extents(x, y) else { return nil }
            return .some(.tensor(type, shape))
        case (.sparseTensor(let a, let x), .sparseTensor(let b, let y)):
            guard let type = elements(a, b), let shape = extents(x, y) else { return nil }
            return .some(.sparseTensor(type, shape))
        case (.sequence(let a), .sequence(let b)): return merge(a, b).map { .some(.sequence($0)) }
        case (.optional(let a), .optional(let b)): return merge(a, b).map { .some(.optional($0)) }
        case (.map(let a, let x), .map(let b, let y)):
            guard let key = elements(a, b), let value = merge(x, y) else { return nil }
            return .some(.map(key: key, value: value))
        case (.opaque, .opaque): return left == right ? .some(left) : nil
        default: return nil
        }
    }

    /// Returns what is true of both statements, for a value that is one or the other: branches of an `If`, iterations of a `Loop`.
    static func union(_ left: ValueType?, _ right: ValueType?) -> ValueType? {
        switch (left, right) {
        case (.tensor(let a, let x), .tensor(let b, let y)):
            var shape: [Dimension]?
            if let x, let y, x.count == y.count { shape = zip(x, y).map { $0 == $1 ? $0 : .unknown } }
            return .tensor(a == b ? a : nil, shape)
        case (.sequence(let a), .sequence(let b)): return .sequence(union(a, b))
        case (.optional(let a), .optional(let b)): return .optional(union(a, b))
        default: return left == right ? left : nil
        }
    }
}
