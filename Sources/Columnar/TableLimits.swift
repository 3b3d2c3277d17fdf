internal import CArrow
import Machine
internal import Reasons
internal import Tensors

/// The limits of what a table may ask for, in every format. They are far above what honest tables have, and low enough that a file of a few
/// kilobytes takes neither the memory, nor the disk, nor the time of the machine. The number of rows and the size of a file are not
/// bounded: both are read piece by piece. `pipelines/README.md` has them as a table.
package enum TableLimits {
    /// Columns, or arrays of an `.npz` file.
    package static let columns = 100_000
    /// Lists and structs in one another, from the column down.
    package static let nesting = 100
    /// The bytes of one row of an array.
    package static let rowBytes = 256 << 20
    /// Compressed bytes may stand for so many times as many, once they have unpacked to more than is free. Logs reach 50; nothing but a
    /// repetition reaches this.
    package static let ratio = 250
    /// Free of an array, which is read without looking at it, and of text.
    package static let unpackedFreely = 512 << 20
    package static let unpackedFreelyOfText = 4 << 30
    /// Blank lines of text without a row between them.
    package static let blankBytes = 64 << 20

    /// The bytes that Parquet and Arrow files together may unpack to at one time, which is what was free when the first was opened.
    static let memory = Int64(MachineMemory.available())

    /// The rule of one of the limits that Arrow's readers keep.
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
