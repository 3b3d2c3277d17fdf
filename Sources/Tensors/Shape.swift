/// Holds the extent of each axis, outermost first; an empty shape is a scalar.
package struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    package var dimensions: [Int]

    package init(_ dimensions: [Int]) { self.dimensions = dimensions }
    package init(arrayLiteral elements: Int...) { dimensions = elements }

    package var rank: Int { dimensions.count }

    /// The product of the dimensions; `nil` where one is negative or the product does not fit an `Int`.
    package var elementCount: Int? {
        var count = 1
        var overflowed = false
        for dimension in dimensions {
            guard dimension >= 0 else { return nil }
            if dimension == 0 { return 0 }
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            overflowed = overflowed || overflow
            count = product
        }
        return overflowed ? nil : count
    }

    /// The row-major (C order) strides, in elements.
    package var strides: [Int] {
        var strides = [Int](repeating: 1, count: rank)
        for axis in stride(from: rank - 2, through: 0, by: -1) {
            strides[axis] = strides[axis + 1] * dimensions[axis + 1]
        }
        return strides
    }

    package var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
