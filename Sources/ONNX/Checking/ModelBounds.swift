/// Limits what a model may ask of an engine before it has computed a row. A file of a few kilobytes can ask for any amount; each bound is
/// far above what exporters write. The numbers in brackets are the largest of 6,478 models that were examined (all under `Tests`, the ONNX
/// project's test data, and those that come with Python packages).
package struct ModelBounds: Sendable {
    /// The number of nodes, with those of subgraphs, and with the nodes of a function in the place of each of its calls [1,746]. ONNX
    /// Runtime takes 16 s and 280 MiB to load a chain of that many.
    package var nodes = 250_000
    /// The depth of functions that call one another, from the graph down [4]. Types are inferred to the same depth.
    package var callDepth = Self.deepestCalls
    /// The sum, over all subgraphs, of the values of the graphs around them, which an engine looks through [6,926]. ONNX Runtime takes 2 s
    /// for that many, and our own checks as long.
    package var visibleValues = 100_000_000
    /// The number of turns of a loop that only its trip count ends, times those of the loops around it: about an hour.
    package var turns = 1_000_000_000
    /// The number of bytes that are computed from constants alone: these, and sixteen times the model's own constants, which are often cast
    /// and transposed.
    package var constantBytes = 4 << 30
    /// The number of multiply-adds between constants alone, some ten seconds of one core. Another 256 are allowed for each stored element,
    /// since adapters of a high rank are merged into weights in this way.
    package var multiplyAdds = 100_000_000_000

    static let deepestCalls = 32

    package init() {}

    func constantBytes(stored: Int) -> Int { constantBytes.saturatingAdd(stored.saturatingMultiply(16)) }

    func multiplyAdds(storedElements: Int) -> Int { multiplyAdds.saturatingAdd(storedElements.saturatingMultiply(256)) }
}

extension Int {
    /// Returns the sum of two numbers that are not negative; `Int.max` where it is larger.
    func saturatingAdd(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// Returns the product of two numbers that are not negative; `Int.max` where it is larger.
    func saturatingMultiply(_ other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
