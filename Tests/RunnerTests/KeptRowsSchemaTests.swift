import Recipes
import Runner
import Testing

/// How labelled rows are read that are kept without some columns.
@Suite struct KeptRowsSchemaTests {
    private let schema = RowSchema(
        key: ["id"], types: ["id": .int64, "n": .int64], dialect: TextDialect(delimiter: UInt8(ascii: ";"), nullWords: ["-"]))

    @Test func copiesAreReadAsTheyArrived() { #expect(schema.ofKeptRows == schema) }

    /// A hash of a number is no number, and the dialect is that of the files that are written.
    @Test func whatIsWrittenIsReadAsItIsWritten() {
        var hidden = schema
        hidden.privacy = RowPrivacy(drop: ["mail"], hash: ["id"])
        let kept = hidden.ofKeptRows
        #expect(kept.types == ["n": .int64] && kept.key == ["id"] && kept.privacy == hidden.privacy)
        #expect(kept.dialect == TextDialect(header: .present, nullWords: ["-"]))
    }
}
