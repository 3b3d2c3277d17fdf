/// Interleaves `columns` into rows: `target[row * columns.count + column] = columns[column][row]`.
/// Many columns are transposed eight at a time in vectors, in blocks of rows that stay in the cache; few columns are copied one by one.
func gather<Bits: SIMDScalar & BitwiseCopyable>(
    _ columns: UnsafeBufferPointer<UnsafePointer<Bits>>, rows: Int, into target: UnsafeMutablePointer<Bits>
) {
    let width = columns.count
    if width == 1 {
        target.update(from: columns[0], count: rows)
        return
    }
    guard width >= 16 else {
        for begin in stride(from: 0, to: rows, by: 64) {
            let end = min(begin + 64, rows)
            for column in 0..<width {
                let source = columns[column]
                var cell = target + begin * width + column
                for row in begin..<end {
                    cell.pointee = source[row]
                    cell += width
                }
            }
        }
        return
    }
    for begin in stride(from: 0, to: rows, by: 256) {
        let end = min(begin + 256, rows)
        var column = 0
        while column + 8 <= width {
            let (a, b, c, d) = (columns[column], columns[column + 1], columns[column + 2], columns[column + 3])
            let (e, f, g, h) = (columns[column + 4], columns[column + 5], columns[column + 6], columns[column + 7])
            var cell = UnsafeMutableRawPointer(target + begin * width + column)
            let step = width * MemoryLayout<Bits>.stride
            for row in begin..<end {
                let vector = SIMD8<Bits>(a[row], b[row], c[row], d[row], e[row], f[row], g[row], h[row])
                cell.storeBytes(of: vector, as: SIMD8<Bits>.self)
                cell += step
            }
            column += 8
        }
        while column < width {
            let source = columns[column]
            for row in begin..<end { target[row * width + column] = source[row] }
            column += 1
        }
    }
}
