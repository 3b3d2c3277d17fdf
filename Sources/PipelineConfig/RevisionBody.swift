internal import Foundation

/// What a revision stands for: the part of a pipeline that decides the bytes of outputs. The ledger keeps it beside the digest, so that
/// work that was opened under a revision goes on under it after the pipeline was edited.
package struct RevisionBody: Sendable, Equatable, Codable {
    let schema: Schema
    let stages: [Stage]
    /// Nil where nothing is scored.
    let format: OutputFormat?
    let partitionBy: [PartitionKey]?
}

extension Pipeline {
    /// The revision's body as JSON.
    package var revisionBody: String {
        let body = RevisionBody(schema: schema, stages: stages, format: land.outputs?.format, partitionBy: land.outputs?.partitionBy)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        // Every part is a plain value, so that this does not fail; if it ever did, the body would count as unknown.
        return (try? encoder.encode(body)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Returns the pipeline as it was under another revision, with the paths, times and limits of now; nil where `body`, which the ledger
    /// keeps for that revision, cannot be read or has another digest.
    package func under(revision: String, body: String) -> Pipeline? {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let body = try? decoder.decode(RevisionBody.self, from: Data(body.utf8)) else { return nil }
        var former = self
        former.schema = body.schema
        former.stages = body.stages
        if let format = body.format { former.land.outputs?.format = format }
        if let partitionBy = body.partitionBy { former.land.outputs?.partitionBy = partitionBy }
        return former.revision.full == revision ? former : nil
    }
}
