import Columnar

/// Formats without compression, in few letters.
extension TableFormat {
    static let csv = TableFormat(.csv)
    static let jsonLines = TableFormat(.jsonLines)
    static let parquet = TableFormat(.parquet)
    static let arrow = TableFormat(.arrow)
    static let npy = TableFormat(.npy)
    static let npz = TableFormat(.npz)
}
