/// Joins the matrices of all axes of a layer to one.
extension [MinimalFilter] {
    /// The matrix of the weights, `[products of all axes, taps of all axes]`.
    var jointKernel: [Double] { Self.kronecker(map { ($0.kernel, $0.products) }) }

    /// Joins the matrices `[products, tiles, positions]` of the axes to `[products of all axes, tiles of all axes, positions of all axes]`.
    func joint(_ matrix: KeyPath<MinimalFilter, [Double]>, width: KeyPath<MinimalFilter, Int>) -> [Double] {
        let mixed = Self.kronecker(map { ($0[keyPath: matrix], $0.products * $0.tiles) })
        let positions = reduce(1) { $0 * $1[keyPath: width] }
        return productsThenTiles.flatMap { row in mixed[(row * positions)..<((row + 1) * positions)] }
    }

    /// The permutation from rows by products and tiles of one axis after another to rows by products of all axes, then tiles of all axes.
    private var productsThenTiles: [Int] {
        func places(_ counts: [Int]) -> [[Int]] {
            counts.reduce([[]]) { places, count in places.flatMap { place in (0..<count).map { place + [$0] } } }
        }
        return places(map(\.products)).flatMap { products in
            places(map(\.tiles)).map { tiles in
                zip(self, zip(products, tiles)).reduce(0) { row, next in
                    let (filter, place) = next
                    return (row * filter.products + place.0) * filter.tiles + place.1
                }
            }
        }
    }

    private static func kronecker(_ matrices: [(values: [Double], rows: Int)]) -> [Double] {
        matrices.dropFirst().reduce(matrices[0]) { left, right in
            let (width, rightWidth) = (left.values.count / left.rows, right.values.count / right.rows)
            var values: [Double] = []
            values.reserveCapacity(left.values.count * right.values.count)
            for row in 0..<left.rows {
                for rightRow in 0..<right.rows {
                    for column in 0..<width {
                        let factor = left.values[row * width + column]
                        values += right.values[(rightRow * rightWidth)..<((rightRow + 1) * rightWidth)].map { factor * $0 }
                    }
                }
            }
            return (values, left.rows * right.rows)
        }.values
    }
}
