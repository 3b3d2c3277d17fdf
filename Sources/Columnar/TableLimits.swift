internal import CArrow
import Machine
internal import Reasons
internal import Tensors

/// Holds the limits of what a table may ask for, in every format. They are far above what honest tables have, and low enough that a file of
/// a few kilobytes can use up neither the memory, nor the disk, nor the time of the machine. The number of rows and the size of a file have
/// no limit, because both are read piece by piece. `pipelines/README.md` has the limits as a table.
package enum TableLimits {
    /// The largest number of columns, or of arrays of an `.npz` file.
    package static let columns = 100_000
    /// The largest depth of lists and structs within one another, from the column down.
    package static let nesting = 100
    /// The largest size of one row of an array, in bytes.
    package static let rowBytes = 256 << 20
    /// The largest ratio of unpacked to compressed bytes, which counts once more bytes are unpacked than are allowed at any ratio. Logs
    /// reach 50; only a repetition reaches this limit.
    package static let ratio = 250
    /// The number of bytes that an array may unpack to at any ratio. The next constant is the same for text.
    package static let unpackedFreely = 512 << 20
    package static let unpackedFreelyOfText = 4 << 30
    /// The largest number of bytes of blank lines of text without a row between them.
    package static let blankBytes = 64 << 20

    /// The number of bytes that Parquet and Arrow files together may unpack to at one time, which is the memory that was free when the
    /// first of them was opened.
    static let memory = Int64(MachineMemory.available())

    /// Returns the rule of one of the limits that Arrow's readers keep.
    static func rule(_ limit: Int) -> Rule {
        switch limit {
        case CARROW_LIMIT_COLUMNS: .limitColumns
        case CARROW_LIMIT_NESTING: .limitNesting
        case CARROW_LIMIT_ROW: .limitRow
        case CARROW_LIMIT_COMPRESSION: .limitCompression
        default: .limitBlank
        }
    }

    static func unpacked(_ size: Int, of packed: Int, _ location: TableLocation) throws(ColumnarError) {
        guard size > unpackedFreely, size / ratio > packed else { return }
        throw .limit(
            location, .limitCompression,
            reason:
                "\(packed) compressed bytes unpack to \(size): more than \(ratio) times as many, as only repetition does; write "
                + "the file without compression"
        )
    }
}
