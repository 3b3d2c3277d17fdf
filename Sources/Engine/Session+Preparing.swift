import Foundation
import Machine

// A prepared model is the graph as the engine runs it on this processor, with its weights in a file in the layout of the kernels. Sessions
// map that file, so that all processes share one copy of its pages.

extension Session {
    /// Reads a model and writes it prepared to two open, empty files, which stay the caller's. The source's external data must be in its
    /// own folder; they are mapped, so nobody may shorten them meanwhile.
    ///
    /// All initializers of 64 KiB or more are in the second file: as they are in the model, and, where the kernel can read it from a file,
    /// also in the layout of the kernel. MatMul, Gemm, their quantized forms and Attention read all of it from there; LSTM and GRU read a
    /// part, ConvTranspose and QLinearConv nothing. The weights of a convolution are in the graph here, in the layout of its kernel.
    ///
    /// - Returns: the name that the file of weights must get, in the folder of the graph's file: the engine writes into the graph the name
    ///   under which it wrote the weights.
    package static func prepare(
        _ source: String, graph: CInt, weights: CInt, options: SessionOptions = SessionOptions()
    ) throws(EngineError) -> String {
        try options.refuseOpenVINO("prepares no models")
        return try PipedFile.writing(to: graph) { graph throws(EngineError) in
            try PipedFile.writing(to: weights) { weights throws(EngineError) in
                _ = try load(options) { table, options throws(NativeFailure) in
                    try options.save(to: PipedFile.folder + "/" + graph, weights: weights)
                    return try NativeSession(table, file: source, options: options)
                }
                return weights
            }
        }
    }

    /// Maps a prepared model. Its files must be unchanged since `prepare` wrote them, on a processor of the same class, with the same
    /// version of the engine and the same options; a process that reads a part that somebody has cut off gets a SIGBUS.
    package convenience init(prepared path: String, options: SessionOptions = SessionOptions()) throws(EngineError) {
        try options.refuseOpenVINO("reads no prepared models")
        var options = options
        // The graph is already optimized.
        options.optimization = .none
        self.init(
            try Self.load(options) { table, options throws(NativeFailure) in try NativeSession(table, file: path, options: options) })
    }
}

extension SessionOptions {
    fileprivate func refuseOpenVINO(_ detail: String) throws(EngineError) {
        if engine != .onnxRuntime { throw .engine(detail, by: .openVINO) }
    }

    /// The options that a prepared model depends on, as text.
    package var preparation: String {
        let dimensions = freeDimensions.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return "\(optimization.rawValue) \(prepacking) \(deterministic) \(dimensions.joined(separator: ","))"
    }
}
