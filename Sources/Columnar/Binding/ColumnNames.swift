/// Returns whether one name comes before another, `pixel_2` before `pixel_10`: runs of digits compare as numbers, the rest as bytes.
func precedesNumerically(_ left: String, _ right: String) -> Bool {
    let a = Array(left.utf8), b = Array(right.utf8)
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    func run(_ bytes: [UInt8], _ index: inout Int) -> ArraySlice<UInt8> {
        let begin = index
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
        return bytes[begin..<index].drop { $0 == UInt8(ascii: "0") }
    }
    var i = 0, j = 0
    while i < a.count, j < b.count {
        if isDigit(a[i]), isDigit(b[j]) {
            let x = run(a, &i), y = run(b, &j)
            if x.count != y.count { return x.count < y.count }
            if !x.elementsEqual(y) { return x.lexicographicallyPrecedes(y) }
        } else {
            if a[i] != b[j] { return a[i] < b[j] }
            i += 1
            j += 1
        }
    }
    if a.count - i != b.count - j { return a.count - i < b.count - j }
    return a.lexicographicallyPrecedes(b)
}

/// Returns "did you mean …?" where a name is close to `wanted`, otherwise the list of names.
func suggestion(for wanted: String, among names: [String]) -> String {
    let close = names.map { ($0, editDistance(wanted.lowercased(), $0.lowercased())) }
        .filter { $0.1 <= max(2, wanted.count / 3) }
        .min { $0.1 < $1.1 }
    if let close { return "did you mean \"\(close.0)\"?" }
    let shown = names.prefix(12).map { "\"\($0)\"" }.joined(separator: ", ")
    return "the columns are " + (names.isEmpty ? "none" : shown + (names.count > 12 ? " and \(names.count - 12) more" : ""))
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let a = Array(left.utf8.prefix(64)), b = Array(right.utf8.prefix(64))
    var row = Array(0...b.count)
    for i in 0..<a.count {
        var diagonal = row[0]
        row[0] = i + 1
        for j in 0..<b.count {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
            diagonal = above
        }
    }
    return row[b.count]
}
