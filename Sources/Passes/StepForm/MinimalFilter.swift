/// Computes a correlation along one axis with fewer products than terms: `y = outputᵀ [(kernel w) ⊙ (input x)]`, in tiles of `tile`
/// outputs.
///
/// Within a tile this is the algorithm of Toom and Cook, as Winograd applied it to filters: the product of two polynomials follows from
/// their values at points (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015). A stride divides inputs and
/// weights into phases. Each phase is a correlation with a stride of 1, and the products of the phases follow one another.
struct MinimalFilter {
    let extent: Int
    let outputs: Int
    let tile: Int
    /// The number of products of a tile, of all phases.
    let products: Int
    let tiles: Int
    private let taps: Int
    private let stride: Int
    private let before: Int
    /// The algorithms, one for each phase.
    private let forms: [ToomCook]

    /// - Parameters:
    ///   - extent: the extent of the input, without the `before` and `after` zeros around it.
    ///   - tile: the number of outputs of a tile: 1, 2 or 4.
    /// - Returns: nil if more than 5 points would be needed, for which rounding errors are large, or if there are no outputs.
    init?(kernel taps: Int, stride: Int, extent: Int, before: Int, after: Int, tile: Int) {
        guard stride > 0, taps > 0, extent > 0, extent + before + after >= taps else { return nil }
        outputs = (extent + before + after - taps) / stride + 1
        tiles = (outputs + tile - 1) / tile
        let forms = (0..<min(stride, taps)).compactMap { ToomCook(outputs: tile, taps: (taps - $0 + stride - 1) / stride) }
        guard forms.count == min(stride, taps) else { return nil }
        products = forms.reduce(0) { $0 + $1.count }
        (self.extent, self.tile, self.taps, self.stride, self.before, self.forms) = (extent, tile, taps, stride, before, forms)
    }

    /// The matrix of the input, `[products, tiles, extent]`, row-major.
    var input: [Double] {
        forms.enumerated().flatMap { phase, form in
            form.input.flatMap { factors in
                (0..<tiles).flatMap { place in
                    var row = [Double](repeating: 0, count: extent)
                    for (step, factor) in factors.enumerated() {
                        let position = (place * tile + step) * stride + phase - before
                        if row.indices.contains(position) { row[position] = factor }
                    }
                    return row
                }
            }
        }
    }

    /// The matrix of the weights, `[products, kernel]`.
    var kernel: [Double] {
        forms.enumerated().flatMap { phase, form in
            form.kernel.flatMap { factors in
                var weights = [Double](repeating: 0, count: taps)
                for (step, factor) in factors.enumerated() { weights[phase + step * stride] = factor }
                return weights
            }
        }
    }

    /// The matrix of the output, `[products, tiles, outputs]`.
    var output: [Double] {
        forms.flatMap { form in
            form.output.flatMap { factors in
                (0..<tiles).flatMap { place in
                    var row = [Double](repeating: 0, count: outputs)
                    for (step, factor) in factors.enumerated() where place * tile + step < outputs { row[place * tile + step] = factor }
                    return row
                }
            }
        }
    }
}

/// Holds `F(outputs, taps)`, which takes as many products as there are inputs under all windows of a tile.
private struct ToomCook {
    /// The factors of each product (a row) by input. The next two are by tap and by output.
    private(set) var input: [[Double]] = []
    private(set) var kernel: [[Double]] = []
    private(set) var output: [[Double]] = []
    var count: Int { input.count }

    /// The points besides infinity, by their number. They had the least rounding errors of some that were tried: 1.1e-6 for F(4, 3),
    /// relative in norm, where 0, ±1 and ±2 have 2.4e-6 and the sum itself 2e-7.
    private static let points: [[Double]] = [[], [0], [1, -1], [0, 1, -1], [0, 0.75, -0.75, 1.5], [0, 0.6, -0.6, 1.5, -1.5]]

    init?(outputs: Int, taps: Int) {
        if taps == 1 {
            for place in 0..<outputs {
                let unit = (0..<outputs).map { $0 == place ? 1.0 : 0 }
                add(input: unit, kernel: [1], output: unit)
            }
            return
        }
        guard outputs > 1 else {
            for place in 0..<taps {
                let unit = (0..<taps).map { $0 == place ? 1.0 : 0 }
                add(input: unit, kernel: unit, output: [1])
            }
            return
        }
        let finite = outputs + taps - 2
        guard finite < Self.points.count else { return nil }
        let points = Self.points[finite]
        for (place, point) in points.enumerated() {
            let others = points.enumerated().filter { $0.offset != place }.map(\.element)
            let scale = others.reduce(1) { $0 * (point - $1) }
            add(
                input: Self.coefficients(roots: others) + [0], kernel: Self.powers(of: point, taps).map { $0 / scale },
                output: Self.powers(of: point, outputs))
        }
        add(
            input: Self.coefficients(roots: points), kernel: (0..<taps).map { $0 == taps - 1 ? 1 : 0 },
            output: (0..<outputs).map { $0 == outputs - 1 ? 1 : 0 })
    }

    private mutating func add(input: [Double], kernel: [Double], output: [Double]) {
        self.input.append(input)
        self.kernel.append(kernel)
        self.output.append(output)
    }

    private static func powers(of point: Double, _ count: Int) -> [Double] {
        (1..<count).reduce(into: [1]) { powers, _ in powers.append(powers.last! * point) }
    }

    /// Returns the coefficients of the polynomial with these roots, the constant term first.
    private static func coefficients(roots: [Double]) -> [Double] {
        roots.reduce([1]) { coefficients, root in
            let shifted = [0] + coefficients
            return shifted.indices.map { shifted[$0] - ($0 < coefficients.count ? root * coefficients[$0] : 0) }
        }
    }
}
